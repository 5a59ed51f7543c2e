// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From settings to an opened model and a loaded runtime: READY → PAUSED.

use crate::dptdepth::error;
use crate::dptdepth::settings::Settings;
use crate::dptdepth::{RangeMode, ResizePolicy};
#[cfg(feature = "remote")]
use crate::engine::server::Server;
use crate::frame::{ADE20K_NAMES, Fit, fit};
#[cfg(feature = "remote")]
use crate::inference::remote::Options;
use crate::inference::{Cache, CacheError, Runtime, SessionSettings, runtime};
use crate::measure::{self, Zone};
use crate::model::{Choice, Model};
use crate::spec::{self, Borders, Calibration, ModelSpec, OutputMeaning, Size};
use gst::glib;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Network sizes that `target-fps` may choose from: each side this much of the one before.
const STEP: f64 = 0.8;
const MOST_SIZES: i32 = 5;
/// Smaller networks see nothing of use.
const LEAST_SIDE: u32 = 112;

/// What runs the model.
pub(super) enum Runner {
    Here {
        model: Arc<Model>,
        runtime: &'static Runtime,
        session: Box<SessionSettings>,
    },
    #[cfg(feature = "remote")]
    There(Arc<Server>),
}

impl Runner {
    /// What the model expects and what its output means.
    fn spec(&self) -> &ModelSpec {
        match self {
            Self::Here { model, .. } => model.spec(),
            #[cfg(feature = "remote")]
            Self::There(server) => server.spec(),
        }
    }

    /// The network size, where it cannot be had at another, and what says so.
    fn fixed_size(&self) -> Option<(Size, &'static str)> {
        match self {
            Self::Here { model, .. } => Some((model.onnx()?.fixed_size?, "The .onnx file")),
            #[cfg(feature = "remote")]
            Self::There(server) => Some((server.fixed_size()?, "The server's model")),
        }
    }
}

/// What the states above READY stand on.
pub(super) struct Opened {
    pub(super) settings: Settings,
    pub(super) runner: Runner,
    /// The model's spec with the labels that the element was given.
    pub(super) spec: ModelSpec,
    pub(super) labels: glib::StrV,
    /// The classes that are kept, where not all are.
    pub(super) classes: Option<[bool; 256]>,
    pub(super) zones: Vec<Zone>,
    /// Whether it was said that the cache takes nothing.
    pub(super) cache_warned: AtomicBool,
}

impl Opened {
    /// Opens the model and loads the runtime, or connects to a server; `warn` receives what does not
    /// stop the element.
    pub(super) fn new(
        settings: &Settings,
        warn: impl Fn(gst::ResourceError, &str),
    ) -> Result<Self, gst::ErrorMessage> {
        if settings.range_mode == RangeMode::Fixed && settings.range_near == settings.range_far {
            return Err(error::settings(
                "range-near equals range-far; range-mode=fixed needs two different values",
            ));
        }
        if settings.output_tensor_meta && !cfg!(feature = "v1_26") {
            return Err(error::settings(
                "output-tensor-meta=true, but this dptdepth was built without GstTensorMeta; set it to false or build \
                 with `cargo build --release --features v1_26` for GStreamer 1.26 or newer",
            ));
        }
        let cache_warned = AtomicBool::new(false);
        let runner = match &settings.server_url {
            Some(url) => connect(settings, url, &warn)?,
            None => open_here(settings, |trouble| {
                cache_warned.store(true, Ordering::Relaxed);
                warn(gst::ResourceError::OpenWrite, &trouble.to_string());
            })?,
        };
        check_fixed_size(settings, &runner)?;
        check_calibration(settings, runner.spec())?;
        let mut spec = runner.spec().clone();
        if calibration(settings, &spec, 1.0).is_some() {
            spec.output = OutputMeaning::Metric { max_depth_m: None };
        }
        if let Some(file) = &settings.labels_file {
            spec.labels = read_labels(file)?;
        }
        if spec.output == OutputMeaning::Labels && spec.labels.is_empty() {
            spec.labels = ADE20K_NAMES.map(str::to_string).to_vec();
        }
        let classes = read_classes(settings, &spec)?;
        let zones = read_zones(settings, &spec)?;
        let labels = spec
            .labels
            .iter()
            .map(|label| glib::GString::from(label.as_str()))
            .collect::<glib::StrV>();
        Ok(Self {
            settings: settings.clone(),
            runner,
            spec,
            labels,
            classes,
            zones,
            cache_warned,
        })
    }

    /// The policy in force.
    pub(super) fn resize_policy(&self) -> spec::ResizePolicy {
        self.settings
            .resize_policy
            .to_spec()
            .unwrap_or(match self.spec.resize_policy {
                // The frame's own size is not what was asked for.
                spec::ResizePolicy::Pad if self.settings.network_size != 0 => {
                    spec::ResizePolicy::LowerBound
                }
                policy => policy,
            })
    }

    /// What an engine for this fit is built for: the network's size, and the borders that the model
    /// was trained to see as zeros.
    pub(super) fn shape(&self, fit: &Fit) -> (Size, Borders) {
        (fit.network, fit.zero_borders(self.resize_policy()))
    }

    /// From the model's values to metres, for frames of this fit.
    pub(super) fn calibration(&self, fit: &Fit) -> Option<Calibration> {
        calibration(&self.settings, self.runner.spec(), fit.zoom())
    }

    /// The network size aimed at: `network-size` becomes the shorter side of the model's own.
    pub(super) fn target(&self) -> Size {
        let own = self.spec.network_size;
        match u64::from(self.settings.network_size) {
            0 => own,
            side => {
                let short = u64::from(own.height.min(own.width)).max(1);
                let scale = |full: u32| {
                    u32::try_from((u64::from(full) * side + short / 2) / short).unwrap_or(u32::MAX)
                };
                Size::new(scale(own.height), scale(own.width))
            }
        }
    }

    /// Ways to fit frames of this size, from the network size aimed at to ever smaller ones.
    pub(super) fn network_sizes(&self, frame: Size, pixel_aspect_ratio: (u32, u32)) -> Vec<Fit> {
        let mut sizes: Vec<Fit> = Vec::new();
        for step in 0..MOST_SIZES {
            let scale = STEP.powi(step);
            let side = |full: u32| (f64::from(full) * scale).round() as u32;
            let target = self.target();
            let fit = fit(
                frame,
                pixel_aspect_ratio,
                self.resize_policy(),
                Size::new(side(target.height), side(target.width)),
                self.spec.multiple,
            );
            let (Size { height, width }, least) = (fit.network, LEAST_SIDE.max(self.spec.multiple));
            let smaller = sizes
                .last()
                .is_none_or(|last| fit.network.area() < last.network.area());
            if step == 0 || (smaller && height.min(width) >= least) {
                sizes.push(fit);
            }
            if self.runner.fixed_size().is_some() {
                break;
            }
        }
        sizes
    }

    /// How many classes have a colour.
    pub(super) fn classes(&self) -> usize {
        match self.spec.labels.len() {
            0 => 256,
            named => named,
        }
    }

    /// The colour that is zero after normalisation, for borders.
    pub(super) fn mean_color(&self) -> [u8; 3] {
        self.spec.mean.map(|mean| (mean * 255.0).round() as u8)
    }
}

/// Opens the model and loads the runtime; `warn` hears of a cache that takes nothing.
fn open_here(settings: &Settings, warn: impl Fn(&CacheError)) -> Result<Runner, gst::ErrorMessage> {
    let model = match &settings.model_file {
        Some(file) => open_file(settings, file)?,
        None => Model::embedded().map_err(|e| error::model(&e))?,
    };
    let cache = match Cache::open(settings.cache_dir.as_deref()) {
        Ok(cache) => cache,
        // Asked for by name it must work; the default folder is a convenience.
        Err(e) if settings.cache_dir.is_some() => return Err(error::cache(&e)),
        Err(e) => {
            warn(&e);
            Cache::none()
        }
    };
    if let Some(trouble) = cache.trouble() {
        warn(trouble);
    }
    let library = settings.onnxruntime_library.as_deref().map(Path::new);
    let runtime =
        runtime::load(library, plugin_folder().as_deref()).map_err(|e| error::runtime(&e))?;
    Ok(Runner::Here {
        model: Arc::new(model),
        runtime,
        session: Box::new(SessionSettings {
            provider: settings.execution_provider.into(),
            device: settings.device.clone(),
            precision: settings.precision.into(),
            threads: settings.threads as usize,
            optimization_level: settings.optimization_level.into(),
            provider_options: settings.provider_options(),
            cache,
            ..SessionSettings::default()
        }),
    })
}

fn open_file(settings: &Settings, file: &str) -> Result<Model, gst::ErrorMessage> {
    let choice = settings.model_variant.as_deref().map(Choice::parse);
    choice
        .transpose()
        .and_then(|choice| Model::open_as(Path::new(file), choice.unwrap_or_default()))
        .map_err(|e| error::model(&e))
}

/// Connects to a server. A model file says what the server does not.
#[cfg(feature = "remote")]
fn connect(
    settings: &Settings,
    url: &str,
    warn: impl Fn(gst::ResourceError, &str),
) -> Result<Runner, gst::ErrorMessage> {
    let Some(model) = &settings.server_model else {
        return Err(error::settings(
            "server-url is set and server-model is not; set it to the name of a model on the server",
        ));
    };
    if let Some(name) = settings.of_local_sessions() {
        return Err(error::settings(&format!(
            "{name} is set, but with server-url the server decides on that; leave it at its default",
        )));
    }
    let model_file = settings.model_file.as_deref();
    let spec = model_file
        .map(|file| open_file(settings, file))
        .transpose()?;
    let spec = spec.map(|model| model.spec().clone());
    let mut options = Options::new(url, model).map_err(|e| error::remote(&e))?;
    options.ca_file = settings.server_ca_file.as_deref().map(PathBuf::from);
    options.token_file = settings.server_token_file.as_deref().map(PathBuf::from);
    let server = Server::connect(options, spec).map_err(|e| error::remote(&e))?;
    if let Some(warning) = server.warning() {
        warn(gst::ResourceError::Settings, &warning);
    }
    Ok(Runner::There(Arc::new(server)))
}

#[cfg(not(feature = "remote"))]
fn connect(
    _: &Settings,
    _: &str,
    _: impl Fn(gst::ResourceError, &str),
) -> Result<Runner, gst::ErrorMessage> {
    Err(error::settings(
        "server-url is set, but this dptdepth was built without the feature `remote`; build with it, or leave it NULL",
    ))
}

/// What the settings make of the model's values; `zoom` is that of [`Fit::zoom`].
fn calibration(settings: &Settings, spec: &ModelSpec, zoom: f64) -> Option<Calibration> {
    let focal = (settings.focal_length > 0.0).then_some((settings.focal_length * zoom) as f32);
    let (scale, shift) = (settings.depth_scale as f32, settings.depth_shift as f32);
    spec.calibration(scale, shift, focal)
}

/// Classes cannot be calibrated.
fn check_calibration(settings: &Settings, spec: &ModelSpec) -> Result<(), gst::ErrorMessage> {
    let (scale, shift) = (settings.depth_scale as f32, settings.depth_shift as f32);
    if spec.output == OutputMeaning::Labels && (scale, shift) != (1.0, 0.0) {
        return Err(error::settings(
            "depth-scale and depth-shift calibrate depth, but the model gives classes; leave them at 1 and 0",
        ));
    }
    Ok(())
}

/// An `.onnx` file or a server's model of one size cannot be fitted to another.
fn check_fixed_size(settings: &Settings, runner: &Runner) -> Result<(), gst::ErrorMessage> {
    let Some((size, what)) = runner.fixed_size() else {
        return Ok(());
    };
    if settings.network_size != 0 {
        return Err(error::settings(&format!(
            "{what} takes {size} only; set network-size to 0 or export it at another size"
        )));
    }
    match settings.resize_policy {
        ResizePolicy::Model | ResizePolicy::Squash | ResizePolicy::Letterbox => Ok(()),
        _ => Err(error::settings(&format!(
            "{what} takes {size} only; set resize-policy to model, squash or letterbox"
        ))),
    }
}

/// Which classes the settings keep.
fn read_classes(
    settings: &Settings,
    spec: &ModelSpec,
) -> Result<Option<[bool; 256]>, gst::ErrorMessage> {
    let Some(text) = &settings.classes else {
        return Ok(None);
    };
    if spec.output != OutputMeaning::Labels {
        return Err(error::settings(
            "classes chooses among classes, but the model gives depth; use a segmentation model or leave it NULL",
        ));
    }
    measure::parse_classes(text, &spec.labels)
        .map(Some)
        .map_err(|e| error::settings(&e.to_string()))
}

fn read_zones(settings: &Settings, spec: &ModelSpec) -> Result<Vec<Zone>, gst::ErrorMessage> {
    let Some(text) = &settings.zones else {
        return Ok(Vec::new());
    };
    let metric = match spec.output {
        OutputMeaning::Labels => {
            return Err(error::settings(
                "zones watches depth, but the model gives classes; use a depth model or leave it NULL",
            ));
        }
        OutputMeaning::Metric { .. } => true,
        OutputMeaning::InverseRelative | OutputMeaning::Relative => false,
    };
    measure::parse_zones(text, metric).map_err(|e| error::settings(&e.to_string()))
}

fn read_labels(file: &str) -> Result<Vec<String>, gst::ErrorMessage> {
    let text = std::fs::read_to_string(file).map_err(|e| error::labels_file(file, &e))?;
    Ok(text.lines().map(|line| line.trim().to_string()).collect())
}

/// The folder of the plugin's own file, if it was loaded from one.
fn plugin_folder() -> Option<PathBuf> {
    let plugin = gst::Registry::get().find_plugin("dptdepth")?;
    Some(plugin.filename()?.parent()?.to_path_buf())
}
