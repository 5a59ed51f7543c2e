// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx run`.

use crate::cloud::{CloudArguments, Scene, focal_of};
use crate::input::{fit, network_input, read};
use crate::known::{Known, fit_calibration};
use crate::options::RuntimeArguments;
use crate::{Failure, VariantArgument, maps, open};
use gstdptdepth::engine::{Engine, Map, Request};
use gstdptdepth::frame::Fit;
use gstdptdepth::inference::Cache;
use gstdptdepth::model::Model;
use gstdptdepth::spec::{ModelSpec, OutputMeaning, Size};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(
    after_help = "For each IMAGE, DIR receives IMAGE-color.png (in colour, near is bright), and for depth \
    IMAGE-depth.png (16 bit: relative depth over its range, near is bright; metric depth in \
    millimetres, 0 is invalid), IMAGE.npy and IMAGE.pfm (the model's values, or metres where they \
    are calibrated, f32, at the network's size); for classes IMAGE-labels.png (8 bit, class indices).\n\n\
    Examples:\n  \
    dpt-onnx run photo.jpg -o out/ --ply --fov 65\n  \
    dpt-onnx run photo.jpg -o out/ --known 320,410=1.2 --known 300,150=4.5"
)]
pub(crate) struct Arguments {
    /// Pictures (PNG or JPEG)
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// Folder to write to; made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Checkpoint folder, .safetensors or .onnx file, name of a fetched model, or one of those
    /// inside: `default`, `dptdepth-segmentation`
    #[arg(short, long, value_name = "CHECKPOINT", default_value = "default")]
    model: PathBuf,
    #[command(flatten)]
    variant: VariantArgument,
    /// Metres are 1/(SCALE·x+SHIFT) of inverse depth x, SCALE·x+SHIFT of depth
    #[arg(
        long,
        value_name = "SCALE",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    depth_scale: f32,
    /// The shift of that calibration
    #[arg(
        long,
        value_name = "SHIFT",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    depth_shift: f32,
    /// Find that calibration from a pixel's measured distance: two or more, at different distances,
    /// for inverse depth; one is enough for depth. Tells SCALE and SHIFT
    #[arg(long, value_name = "X,Y=METRES", conflicts_with_all = ["depth_scale", "depth_shift"])]
    known: Vec<Known>,
    /// Focal length in pixels of the picture, for --ply and for models whose metres depend on it
    #[arg(long, value_name = "PIXELS", value_parser = focal_length)]
    focal_length: Option<f64>,
    #[command(flatten)]
    cloud: CloudArguments,
    /// Write IMAGE-input.png too: what enters the network, before the normalisation
    #[arg(long, hide = true)]
    dump_input: bool,
    #[command(flatten)]
    runtime: RuntimeArguments,
}

fn focal_length(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(focal) if (1.0..=1e6).contains(&focal) => Ok(focal),
        _ => Err("it must be a number of pixels, 1 to 1000000".into()),
    }
}

impl Arguments {
    /// Whether depth is to be calibrated by the user's numbers.
    fn calibrates(&self) -> bool {
        (self.depth_scale, self.depth_shift) != (1.0, 0.0) || !self.known.is_empty()
    }

    /// The focal length in pixels of a picture of this width.
    fn focal(&self, width: u32) -> Option<f64> {
        self.focal_length
            .or_else(|| self.cloud.fov.map(|fov| focal_of(fov, width)))
    }

    /// Refuses what does not go together, before anything is written.
    fn check(&self, spec: &ModelSpec) -> Result<(), Failure> {
        if self.calibrates() && spec.output == OutputMeaning::Labels {
            return Err("--depth-scale, --depth-shift and --known calibrate depth, but the model gives classes".into());
        }
        if !self.known.is_empty() && self.images.len() > 1 {
            return Err(
                "--known tells of pixels of one picture, but there are several; \
                calibrate with one, then give --depth-scale and --depth-shift for the others"
                    .into(),
            );
        }
        let placed = if self.calibrates() && spec.output == OutputMeaning::InverseRelative {
            OutputMeaning::Metric { max_depth_m: None }
        } else {
            spec.output
        };
        self.cloud.check(placed)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = open(&arguments.model, arguments.variant.variant.as_deref())?;
    arguments.check(model.spec())?;
    fs::create_dir_all(&arguments.output)
        .map_err(|e| format!("cannot make the folder {}: {e}", arguments.output.display()))?;
    let runtime = arguments.runtime.load()?;
    let bar = ProgressBar::new(arguments.images.len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})")?,
    );
    let mut prepared: Option<Engine> = None;
    let mut prepared_for = None;
    let mut map = Map::Depth(Vec::new());
    let mut told = Vec::new();
    for path in &arguments.images {
        bar.set_message(path.display().to_string());
        let picture = read(path)?;
        let fit = fit(&model, Size::new(picture.height(), picture.width()));
        let borders = fit.zero_borders(model.spec().resize_policy);
        if prepared_for != Some((fit.network, borders)) {
            prepared_for = Some((fit.network, borders));
            let request = Request {
                network: fit.network,
                borders,
                batch: 1,
                session: arguments
                    .runtime
                    .session(Cache::open(None).unwrap_or_default()),
            };
            prepared = Some(Engine::prepare(&model, runtime, &request)?);
        }
        let Some(engine) = &mut prepared else {
            continue;
        };
        let rgb = network_input(&model, &fit, &picture)?;
        engine.infer(&rgb, &mut map)?;
        let size = engine.map_size();
        let to = |suffix: &str| maps::file(&arguments.output, path, suffix);
        if arguments.dump_input {
            let Size { height, width } = fit.network;
            maps::save::<image::Rgb<u8>>(&to("-input.png"), width, height, rgb)?;
        }
        let spec = calibrated(arguments, &model, &fit, size, &mut map, &mut told)?;
        maps::write(&arguments.output, path, &spec, &fit, size, &map)?;
        if let (true, Map::Depth(values)) = (arguments.cloud.ply, &map) {
            let cloud = arguments.cloud.cloud(&Scene {
                picture: &picture,
                fit: &fit,
                spec: &spec,
                map: size,
                values,
                focal: arguments.focal(fit.frame.width),
            })?;
            maps::write_file(&to(".ply"), |file| cloud.write(file))?;
            told.push(format!("{}: {}", to(".ply").display(), cloud.summary()));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for line in told {
        println!("{line}");
    }
    if let Some(engine) = &prepared {
        println!(
            "{}: {} pictures with {} on {}",
            arguments.output.display(),
            arguments.images.len(),
            model.spec().name,
            engine.active_provider()
        );
    }
    Ok(())
}

/// Brings the map to metres where that was asked for; what its values then mean. A calibration that
/// is found here is told.
fn calibrated(
    arguments: &Arguments,
    model: &Model,
    fit: &Fit,
    size: Size,
    map: &mut Map,
    told: &mut Vec<String>,
) -> Result<ModelSpec, Failure> {
    let mut spec = model.spec().clone();
    let Map::Depth(values) = map else {
        return Ok(spec);
    };
    let focal = arguments.focal(fit.frame.width);
    let network_focal = focal.map(|focal| (focal * fit.zoom()) as f32);
    let (mut scale, mut shift) = (arguments.depth_scale, arguments.depth_shift);
    if !arguments.known.is_empty() {
        let mut seen = values.clone();
        if let Some(calibration) = spec.calibration(1.0, 0.0, network_focal) {
            calibration.apply(&mut seen);
        }
        let inverse = spec.output == OutputMeaning::InverseRelative;
        let fitted = fit_calibration(&arguments.known, inverse, fit, size, &seen)?;
        (scale, shift) = (fitted.scale, fitted.shift);
        told.push(format!("depth-scale={scale} depth-shift={shift}"));
        if arguments.known.len() > 2 {
            let percent = 100.0 * fitted.worst;
            told.push(format!("known distances are met within {percent:.1} %"));
        }
    }
    if let Some(calibration) = spec.calibration(scale, shift, network_focal) {
        calibration.apply(values);
        spec.output = OutputMeaning::Metric { max_depth_m: None };
    }
    Ok(spec)
}
