// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx bench`.

use crate::accuracy::{Accuracy, accuracy};
use crate::input::fit;
use crate::options::{RuntimeArguments, size};
use crate::{CheckpointArgument, Failure};
use gstdptdepth::engine::{Engine, Map, Request};
use gstdptdepth::frame::{
    Canvas, ChromaSite, ColorRange, Colormap, Drawn, Fit, Format, FrameMut, Layout, MapRef, Matrix,
    PlaneMut, Preprocessor, Quantize, Style, Upsampling, ValueRange,
};
use gstdptdepth::graph::{Builder, Dim, ElementType};
use gstdptdepth::inference::{Cache, ModelSource, Runtime, Session, SessionSettings, TensorData};
use gstdptdepth::model::{BuildOptions, Model};
use gstdptdepth::spec::Size;
use ndarray::Array2;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(
    after_help = "Times are medians. The peak is what the same provider reaches in matrix products of the shape \
    that the model spends most in, one behind the other, so 100 % means that nothing else costs time.\n\n\
    Examples:\n  \
    dpt-onnx bench default\n  \
    dpt-onnx bench dpt-large --execution-provider cpu --threads 1 --json"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: CheckpointArgument,
    /// Network height and width; what the model's own preprocessing makes of the frame if left out
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<Size>,
    /// Size of the NV12 frames that go in and the GRAY16 maps that come out, height and width
    #[arg(long, value_name = "HxW", default_value = "1080x1920", value_parser = size)]
    frame: Size,
    #[command(flatten)]
    runtime: RuntimeArguments,
    /// Pictures to compare the maps of with those of fp32, computed by the same provider
    #[arg(long, value_name = "IMAGE", num_args = 1..)]
    accuracy: Vec<PathBuf>,
    /// Threads on the CPU; 0 for one on each core
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Seconds to run the model for, at least; five times at least
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("it must be a number of seconds, 0 to 3600".into()),
    }
}

/// Times in seconds, operations in 10⁹.
#[derive(serde::Serialize)]
struct Report {
    model: String,
    network: String,
    frame: String,
    provider: String,
    provider_reason: String,
    precision: String,
    prepare: f64,
    cache_hit: bool,
    preprocess: f64,
    inference: f64,
    inference_p95: f64,
    postprocess: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<Work>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accuracy: Vec<Accuracy>,
}

#[derive(serde::Serialize)]
struct Work {
    gigaflop: f64,
    gigaflop_per_second: f64,
    peak_gigaflop_per_second: f64,
    peak_shape: [usize; 3],
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = arguments.model.open()?;
    let runtime = arguments.runtime.load()?;
    let spec = model.spec().clone();
    let fit = match arguments.size {
        Some(network) => Fit::stretched(arguments.frame, network),
        None => fit(&model, arguments.frame),
    };
    let request = Request {
        network: fit.network,
        borders: fit.zero_borders(spec.resize_policy),
        batch: 1,
        session: SessionSettings {
            threads: arguments.threads,
            ..arguments
                .runtime
                .session(Cache::open(None).unwrap_or_default())
        },
    };
    let started = Instant::now();
    let mut engine = Engine::prepare(&model, runtime, &request)?;
    let prepare = started.elapsed();

    let mut source = Picture::new(Layout {
        format: Format::Nv12,
        size: fit.frame,
        matrix: Matrix::Bt709,
        range: ColorRange::Limited,
        site: ChromaSite::MPEG2,
    });
    source.fill();
    let mut preprocessor = Preprocessor::new(&source.layout, &fit, spec.interpolation);
    let mut rgb = vec![0; preprocessor.output_bytes()];
    let preprocess = repeat(Duration::from_millis(300), || {
        Ok(preprocessor.run(&source.frame()?.as_ref(), &mut rgb)?)
    })?;
    let mut map = Map::Depth(Vec::new());
    let inference = repeat(Duration::from_secs_f64(arguments.seconds), || {
        Ok(engine.infer(&rgb, &mut map)?)
    })?;
    let postprocess = draw(&fit, engine.map_size(), &map, &mut source)?;

    let median = quantile(&inference, 0.5);
    let mut report = Report {
        model: spec.name.clone(),
        network: fit.network.to_string(),
        frame: fit.frame.to_string(),
        provider: engine.active_provider().to_string(),
        provider_reason: engine.provider_reason().to_string(),
        precision: engine.precision().to_string(),
        prepare: prepare.as_secs_f64(),
        cache_hit: engine.cache_hit(),
        preprocess: quantile(&preprocess, 0.5),
        inference: median,
        inference_p95: quantile(&inference, 0.95),
        postprocess: quantile(&postprocess, 0.5),
        work: work(&model, runtime, &request, median)?,
        accuracy: Vec::new(),
    };
    drop(engine);
    report.accuracy = accuracy(&model, runtime, &request, &arguments.accuracy)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

/// How long each call took, of as many as fit into this time, five at least.
fn repeat(
    at_least: Duration,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<Vec<f64>, Failure> {
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || begun.elapsed() < at_least {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Of sorted times.
fn quantile(times: &[f64], share: f64) -> f64 {
    times[((times.len() - 1) as f64 * share).round() as usize]
}

/// A picture in memory.
struct Picture {
    layout: Layout,
    planes: Vec<(Vec<u8>, usize)>,
}

impl Picture {
    fn new(layout: Layout) -> Self {
        let plane = |plane| {
            let stride = layout.format.row_bytes(plane, layout.size.width);
            let rows = layout.format.plane_rows(plane, layout.size.height);
            (vec![0; stride * rows], stride)
        };
        let planes = (0..layout.format.planes()).map(plane).collect();
        Self { layout, planes }
    }

    /// Neither flat nor noise.
    fn fill(&mut self) {
        for (data, stride) in &mut self.planes {
            for (at, byte) in data.iter_mut().enumerate() {
                let (x, y) = (at % *stride, at / *stride);
                *byte = ((x / 7 + y / 5) * 9 % 251) as u8;
            }
        }
    }

    fn frame(&mut self) -> Result<FrameMut<'_>, Failure> {
        let planes = self.planes.iter_mut().map(|(data, stride)| PlaneMut {
            data,
            stride: *stride,
        });
        Ok(FrameMut::new(self.layout, planes)?)
    }
}

/// Draws the map as the element does.
fn draw(fit: &Fit, size: Size, map: &Map, source: &mut Picture) -> Result<Vec<f64>, Failure> {
    let format = match map {
        Map::Depth(_) => Format::Gray16,
        Map::Labels(_) => Format::Gray8,
    };
    let mut out = Picture::new(Layout::full_range(format, fit.frame));
    let (guide, picture) = (source.layout, out.layout);
    let mut canvas = Canvas::new(size, fit, &guide, &picture, Upsampling::Bilinear, 256)?;
    let range = match map {
        Map::Depth(values) => {
            let finite = || values.iter().copied().filter(|value| value.is_finite());
            ValueRange {
                near: finite().fold(f32::MIN, f32::max),
                far: finite().fold(f32::MAX, f32::min),
            }
        }
        Map::Labels(_) => ValueRange {
            near: 0.0,
            far: 0.0,
        },
    };
    let style = Style {
        colormap: Colormap::Inferno,
        alpha: 0.5,
        outline: 0,
    };
    repeat(Duration::from_millis(300), || {
        let drawn = match map {
            Map::Depth(values) => Drawn::Depth(
                MapRef::new(values, size)?,
                Quantize::picture(range, true, None),
            ),
            Map::Labels(labels) => Drawn::Labels(labels),
        };
        let frame = source.frame()?;
        canvas.write(drawn, &style, &frame.as_ref(), &mut out.frame()?)?;
        Ok(())
    })
}

/// What a run has to do and how that compares with the most that this machine does; of models that
/// are graphs already nothing is known.
fn work(
    model: &Model,
    runtime: &'static Runtime,
    request: &Request,
    seconds: f64,
) -> Result<Option<Work>, Failure> {
    if model.onnx().is_some() {
        return Ok(None);
    }
    let graph = model.graph(&BuildOptions::new(request.network))?;
    let gigaflop = 2e-9 * graph.multiply_adds() as f64;
    let peak_shape = graph.main_product();
    drop(graph);
    Ok(Some(Work {
        gigaflop,
        gigaflop_per_second: gigaflop / seconds,
        peak_gigaflop_per_second: peak(runtime, &request.session, peak_shape)?,
        peak_shape,
    }))
}

/// 10⁹ operations a second in products of `rows × inner` by `inner × columns` and back.
fn peak(
    runtime: &'static Runtime,
    settings: &SessionSettings,
    [rows, inner, columns]: [usize; 3],
) -> Result<f64, Failure> {
    const PAIRS: usize = 4;
    let mut b = Builder::new();
    let fixed = [Dim::Fixed(rows), Dim::Fixed(inner)];
    let mut x = b.input("x", ElementType::F32, &fixed);
    for at in 0..PAIRS {
        for (from, to) in [(inner, columns), (columns, inner)] {
            // Scaled so that the products stay of the same size.
            let scale = (from as f32).sqrt().recip();
            let value = |i: usize| scale * (((i * 31 + at * 7) % 17) as f32 / 5.0 - 1.6);
            let weight =
                Array2::from_shape_fn((from, to), |(row, column)| value(row * to + column));
            let weight = b.constant(weight);
            x = b.matmul(&x, &weight)?;
        }
    }
    b.output("y", &x);
    let graph = b.finish("products");
    let operations = 2e-9 * graph.multiply_adds() as f64;
    let bytes = graph.to_bytes()?;
    let plain = SessionSettings {
        cache: Cache::none(),
        ..settings.clone()
    };
    let mut session = Session::open(runtime, ModelSource::Memory(&bytes), &plain)?;
    let input: Vec<f32> = (0..rows * inner)
        .map(|i| (i % 13) as f32 / 6.0 - 1.0)
        .collect();
    let times = repeat(Duration::from_secs(1), || {
        session.run(TensorData::F32(&input), &[rows, inner])?;
        Ok(())
    })?;
    Ok(operations / times[0])
}

fn print(report: &Report) {
    let ms = |seconds: f64| format!("{:9.2} ms", 1e3 * seconds);
    println!(
        "{} at {} on {}, {}",
        report.model, report.network, report.provider, report.precision
    );
    println!("  {}", report.provider_reason);
    let cached = if report.cache_hit {
        "  from the cache"
    } else {
        ""
    };
    println!("prepare     {:9.2} s{cached}", report.prepare);
    println!(
        "preprocess  {}  from {} NV12",
        ms(report.preprocess),
        report.frame
    );
    println!(
        "model       {}  95 % within {:.2} ms",
        ms(report.inference),
        1e3 * report.inference_p95
    );
    println!(
        "postprocess {}  to {}",
        ms(report.postprocess),
        report.frame
    );
    let all = report.preprocess + report.inference + report.postprocess;
    println!(
        "together    {}  {:.1} frames/s one after the other",
        ms(all),
        all.recip()
    );
    if let Some(work) = &report.work {
        let [rows, inner, columns] = work.peak_shape;
        println!(
            "{:.1} GFLOP a run, {:.0} GFLOP/s: {:.0} % of the {:.0} that products of {rows}x{inner} by {inner}x{columns} reach",
            work.gigaflop,
            work.gigaflop_per_second,
            100.0 * work.gigaflop_per_second / work.peak_gigaflop_per_second,
            work.peak_gigaflop_per_second,
        );
    }
    for picture in &report.accuracy {
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        let (name, mean) = (&picture.picture, percent(picture.mean));
        match picture.p99 {
            Some(p99) => println!(
                "{name}: {mean} of the range from fp32 in the mean, 99 % of pixels within {}",
                percent(p99)
            ),
            None => println!("{name}: {mean} of the pixels have another class than with fp32"),
        }
    }
}
