// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx run`.

use crate::{Failure, VariantArgument, open};
use clap::ValueEnum;
use gstdptdepth::engine::{Engine, Map, Request};
use gstdptdepth::frame::{
    self, Colormap, Fit, Format, FrameMut, FrameRef, Layout, Lut, MapRef, MapWriter, Plane,
    PlaneMut, Preprocessor, Quantize, quantize,
};
use gstdptdepth::inference::{Cache, ExecutionProvider, SessionSettings, runtime};
use gstdptdepth::model::Model;
use gstdptdepth::spec::{ModelSpec, OutputMeaning, Size};
use gstdptdepth::temporal::{RangeMode, RangeTracker};
use image::{ImageBuffer, Luma, RgbImage};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Metres of one step in a 16-bit PNG of metric depth.
const UNIT_M: f32 = 0.001;

#[derive(clap::Args)]
#[command(
    after_help = "For each IMAGE, DIR receives IMAGE-color.png (in colour, near is bright), and for depth \
    IMAGE-depth.png (16 bit: relative depth over its range, near is bright; metric depth in \
    millimetres, 0 is invalid), IMAGE.npy and IMAGE.pfm (the model's values, f32, at the network's \
    size); for classes IMAGE-labels.png (8 bit, class indices)."
)]
pub(crate) struct Arguments {
    /// Pictures (PNG or JPEG)
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// Folder to write to; made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Checkpoint folder, .safetensors or .onnx file, name of a fetched model, or `default`
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
    /// Focal length in pixels of the picture, for models whose metres depend on it
    #[arg(long, value_name = "PIXELS")]
    focal_length: Option<f32>,
    /// Write IMAGE-input.png too: what enters the network, before the normalisation
    #[arg(long, hide = true)]
    dump_input: bool,
    /// What runs the model
    #[arg(long, value_enum, default_value = "auto")]
    execution_provider: Provider,
    /// ONNX Runtime library to load
    #[arg(long, value_name = "LIBRARY")]
    onnxruntime_library: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Provider {
    Auto,
    Cpu,
    Openvino,
    Cuda,
    Tensorrt,
}

impl From<Provider> for ExecutionProvider {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Auto => Self::Auto,
            Provider::Cpu => Self::Cpu,
            Provider::Openvino => Self::OpenVino,
            Provider::Cuda => Self::Cuda,
            Provider::Tensorrt => Self::TensorRt,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = open(&arguments.model, arguments.variant.variant.as_deref())?;
    let calibrates = (arguments.depth_scale, arguments.depth_shift) != (1.0, 0.0);
    if calibrates && model.spec().output == OutputMeaning::Labels {
        return Err(
            "--depth-scale and --depth-shift calibrate depth, but the model gives classes".into(),
        );
    }
    fs::create_dir_all(&arguments.output)
        .map_err(|e| format!("cannot make the folder {}: {e}", arguments.output.display()))?;
    let runtime = runtime::load(arguments.onnxruntime_library.as_deref(), None)?;
    let bar = ProgressBar::new(arguments.images.len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})")?,
    );
    let mut prepared: Option<Engine> = None;
    let mut prepared_for = None;
    let mut map = Map::Depth(Vec::new());
    for path in &arguments.images {
        bar.set_message(path.display().to_string());
        let picture = image::open(path)
            .map_err(|e| format!("cannot read the picture {}: {e}", path.display()))?
            .to_rgb8();
        let fit = fit(&model, &picture);
        let borders = fit.zero_borders(model.spec().resize_policy);
        if prepared_for != Some((fit.network, borders)) {
            prepared_for = Some((fit.network, borders));
            let request = Request {
                network: fit.network,
                borders,
                session: SessionSettings {
                    provider: arguments.execution_provider.into(),
                    cache: Cache::open(None).unwrap_or_default(),
                    ..Default::default()
                },
            };
            prepared = Some(Engine::prepare(
                &model,
                model.spec().clone(),
                runtime,
                &request,
            )?);
        }
        let Some(engine) = &mut prepared else {
            continue;
        };
        let rgb = network_input(&model, &fit, &picture)?;
        engine.infer(&rgb, &mut map)?;
        if arguments.dump_input {
            let Size { height, width } = fit.network;
            let to = file(&arguments.output, path, "-input.png");
            save::<image::Rgb<u8>>(&to, width, height, rgb)?;
        }
        let spec = calibrated(arguments, &model, &fit, &mut map);
        write(
            &arguments.output,
            path,
            &spec,
            &fit,
            engine.map_size(),
            &map,
        )?;
        bar.inc(1);
    }
    bar.finish_and_clear();
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

/// Brings the map to metres where that was asked for; what its values then mean.
fn calibrated(arguments: &Arguments, model: &Model, fit: &Fit, map: &mut Map) -> ModelSpec {
    let mut spec = model.spec().clone();
    let focal = arguments.focal_length;
    let focal = focal.map(|focal| (f64::from(focal) * fit.zoom()) as f32);
    let calibration = spec.calibration(arguments.depth_scale, arguments.depth_shift, focal);
    if let (Some(calibration), Map::Depth(values)) = (calibration, map) {
        calibration.apply(values);
        spec.output = OutputMeaning::Metric { max_depth_m: None };
    }
    spec
}

fn fit(model: &Model, picture: &RgbImage) -> Fit {
    let spec = model.spec();
    let frame = Size::new(picture.height(), picture.width());
    frame::fit(
        frame,
        (1, 1),
        spec.resize_policy,
        spec.network_size,
        spec.multiple,
    )
}

fn network_input(model: &Model, fit: &Fit, picture: &RgbImage) -> Result<Vec<u8>, Failure> {
    let layout = Layout::full_range(Format::Rgb, fit.frame);
    let plane = Plane {
        data: picture.as_raw(),
        stride: picture.width() as usize * 3,
    };
    let frame = FrameRef::new(layout, [plane])?;
    let mut preprocessor = Preprocessor::new(&layout, fit, model.spec().interpolation);
    let mut rgb = vec![0; preprocessor.output_bytes()];
    preprocessor.run(&frame, &mut rgb)?;
    Ok(rgb)
}

/// Draws a map in a format with one plane.
fn draw(
    fit: &Fit,
    size: Size,
    map: frame::Map<'_>,
    lut: &Lut,
    format: Format,
    bytes_per_pixel: usize,
) -> Result<Vec<u8>, Failure> {
    let layout = Layout::full_range(format, fit.frame);
    let stride = fit.frame.width as usize * bytes_per_pixel;
    let mut data = vec![0; stride * fit.frame.height as usize];
    let plane = PlaneMut {
        data: &mut data,
        stride,
    };
    let mut out = FrameMut::new(layout, [plane])?;
    MapWriter::new(size, fit, &layout)?.write(map, lut, &mut out)?;
    Ok(data)
}

fn write(
    folder: &Path,
    picture: &Path,
    spec: &ModelSpec,
    fit: &Fit,
    size: Size,
    map: &Map,
) -> Result<(), Failure> {
    let to = |suffix: &str| file(folder, picture, suffix);
    let Size { height, width } = fit.frame;
    let color = match map {
        Map::Labels(labels) => {
            let drawn = frame::Map::Labels(labels);
            let lut = Lut::from_palette(&frame::palette(labels_of(spec)));
            let gray = draw(fit, size, drawn, &lut, Format::Gray8, 1)?;
            save::<Luma<u8>>(&to("-labels.png"), width, height, gray)?;
            draw(fit, size, drawn, &lut, Format::Rgb, 3)?
        }
        Map::Depth(values) => {
            let whole = MapRef::new(values, size)?;
            let range = RangeTracker::new(RangeMode::Frame).update(
                &whole.crop(fit.content_of(size))?,
                spec.output.larger_is_nearer(),
            );
            let shades = Quantize::Relative {
                range,
                near_bright: true,
            };
            let mut codes = vec![0; size.area()];
            quantize(&whole, shades, &mut codes)?;
            let lut = Colormap::Inferno.lut();
            let color = draw(fit, size, frame::Map::Depth(&codes), &lut, Format::Rgb, 3)?;
            let metric = matches!(spec.output, OutputMeaning::Metric { .. });
            if metric {
                quantize(&whole, Quantize::Metric { unit_m: UNIT_M }, &mut codes)?;
            }
            let drawn = if metric {
                frame::Map::DepthWithHoles(&codes)
            } else {
                frame::Map::Depth(&codes)
            };
            let gray = draw(fit, size, drawn, &lut, Format::Gray16, 2)?;
            let gray = gray
                .as_chunks::<2>()
                .0
                .iter()
                .map(|bytes| u16::from_ne_bytes(*bytes))
                .collect();
            save::<Luma<u16>>(&to("-depth.png"), width, height, gray)?;
            write_file(&to(".npy"), |file| write_npy(file, size, values))?;
            write_file(&to(".pfm"), |file| write_pfm(file, size, values))?;
            color
        }
    };
    save::<image::Rgb<u8>>(&to("-color.png"), width, height, color)
}

/// The picture's name with this suffix, in the folder.
fn file(folder: &Path, picture: &Path, suffix: &str) -> PathBuf {
    let stem = picture.file_stem().unwrap_or("picture".as_ref());
    folder.join(format!("{}{suffix}", stem.to_string_lossy()))
}

/// How many classes have a colour.
fn labels_of(spec: &ModelSpec) -> usize {
    match spec.labels.len() {
        0 => frame::ADE20K_NAMES.len(),
        named => named,
    }
}

fn save<P>(path: &Path, width: u32, height: u32, data: Vec<P::Subpixel>) -> Result<(), Failure>
where
    P: image::Pixel + image::PixelWithColorType,
    [P::Subpixel]: image::EncodableLayout,
{
    let picture = ImageBuffer::<P, _>::from_raw(width, height, data)
        .ok_or("the map does not fill the picture")?;
    picture
        .save(path)
        .map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}

fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<fs::File>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    fs::File::create(path)
        .and_then(|file| {
            let mut file = BufWriter::new(file);
            write(&mut file)?;
            file.flush()
        })
        .map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}

/// NumPy's format, version 1.0: a header padded to a multiple of 64 bytes, then the values.
fn write_npy(file: &mut impl std::io::Write, size: Size, values: &[f32]) -> std::io::Result<()> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    let Size { height, width } = size;
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    file.write_all(MAGIC)?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    values
        .iter()
        .try_for_each(|value| file.write_all(&value.to_le_bytes()))
}

/// Portable float map, one channel, little-endian, rows from the bottom up as the format asks.
fn write_pfm(file: &mut impl std::io::Write, size: Size, values: &[f32]) -> std::io::Result<()> {
    write!(file, "Pf\n{} {}\n-1.0\n", size.width, size.height)?;
    for row in values.chunks_exact(size.width as usize).rev() {
        for value in row {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}
