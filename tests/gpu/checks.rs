// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The checks, in the order in which one would want to know.

use super::compare::{Apart, FULL, HALF, classes};
use super::toys::{Toy, toys_in};
use super::{published, report};
use gstdptdepth::dpt::{Batch, Flavour, Floats, InputForm};
use gstdptdepth::engine::{Engine, EngineError, Map, Request};
use gstdptdepth::graph::{Builder, Dim, ElementType};
use gstdptdepth::inference::{
    Bind, Cache, ExecutionProvider, InferenceError, InputShapes, ModelSource, Precision, Runtime,
    Session, SessionSettings, TensorData, TensorView,
};
use gstdptdepth::model::{BuildOptions, Model, ModelError};
use gstdptdepth::spec::{Borders, OutputMeaning, Size};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Arguments of every check.
pub(crate) struct Context {
    pub(crate) provider: ExecutionProvider,
    pub(crate) runtime: &'static Runtime,
    pub(crate) data: PathBuf,
    pub(crate) published: Option<PathBuf>,
    pub(crate) scratch: PathBuf,
    pub(crate) frames: usize,
    /// Time after which no further check begins.
    pub(crate) deadline: Instant,
}

/// Why a check does not pass.
#[derive(Debug)]
pub(crate) enum Trouble {
    Failed(String),
    NotChecked(String),
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Inference(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<InferenceError> for Trouble {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::ProviderMissing { .. } => Self::NotChecked(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<ModelError> for Trouble {
    fn from(error: ModelError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::NotChecked(error.to_string())
    }
}

/// Says what was measured.
pub(crate) type Check = fn(&Context) -> Result<String, Trouble>;

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("pictures-in-a-row", pictures_in_a_row),
    ("second-start", second_start),
    ("batches", batches),
    ("segmentation", segmentation),
    ("borders-of-the-hybrid", borders_of_the_hybrid),
    ("fp16-few-and-many-tokens", fp16_tokens),
    ("cuda-graph", cuda_graph),
    ("second-gpu", second_gpu),
    ("equal-scores", equal_scores),
    ("users-graphs", users_graphs),
    ("memory", memory),
    ("every-architecture-fp32", every_architecture_fp32),
    ("every-architecture-fp16", every_architecture_fp16),
    ("times", times),
];

/// A picture that differs from the ones with other seeds everywhere.
fn picture(size: Size, seed: usize) -> Vec<u8> {
    let w = size.width as usize;
    let pixel = |i: usize| {
        let (y, x, c) = (i / 3 / w, i / 3 % w, i % 3);
        let slope = y * 3 + x * (2 + c) + seed * 67;
        let block = ((y / 9 + x / 7 + seed) % 3) * 60;
        ((slope + block + i * (37 + 2 * seed) % 23) % 256) as u8
    };
    (0..size.area() * 3).map(pixel).collect()
}

fn values(map: &Map) -> Vec<f32> {
    match map {
        Map::Depth(values) => values.clone(),
        Map::Labels(labels) => labels.iter().map(|&label| label.into()).collect(),
    }
}

impl Context {
    fn settings(&self, precision: Precision) -> SessionSettings {
        SessionSettings {
            provider: self.provider,
            precision,
            bind: Bind::AsOnDevice,
            ..SessionSettings::default()
        }
    }

    /// An engine of the provider, all of whose nodes the provider runs.
    fn engine(
        &self,
        model: &Model,
        network: Size,
        batch: usize,
        session: SessionSettings,
    ) -> Result<Engine, Trouble> {
        let request = Request {
            network,
            borders: Borders::default(),
            batch,
            session,
        };
        let engine = Engine::prepare(model, self.runtime, &request)?;
        match engine.active_provider() {
            active if active == self.provider.name() => Ok(engine),
            active => Err(Trouble::Failed(format!(
                "not all nodes run there: {active}"
            ))),
        }
    }

    /// The provider's map of a picture.
    fn found(
        &self,
        model: &Model,
        size: Size,
        precision: Precision,
        rgb: &[u8],
    ) -> Result<Vec<f32>, Trouble> {
        if self.provider == ExecutionProvider::Cpu && precision == Precision::Fp16 {
            // It computes in 32 bits only, and rounds what leaves each node of such a graph.
            return self.on_cpu(model, size, Floats::F16, rgb);
        }
        let mut settings = self.settings(precision);
        if self.provider == ExecutionProvider::TensorRt {
            // The levels differ in how long the builder looks for faster kernels.
            let level = ("trt_builder_optimization_level".to_owned(), "1".to_owned());
            settings.provider_options.push(level);
        }
        let mut engine = self.engine(model, size, 1, settings)?;
        let mut map = Map::Depth(Vec::new());
        engine.infer(rgb, &mut map)?;
        Ok(values(&map))
    }

    /// The map of a picture by ONNX Runtime's CPU provider, which is compared with the reference
    /// implementations by `tests/parity.rs`.
    fn on_cpu(
        &self,
        model: &Model,
        size: Size,
        floats: Floats,
        rgb: &[u8],
    ) -> Result<Vec<f32>, Trouble> {
        let options = BuildOptions {
            input: InputForm::Rgb8,
            flavour: Flavour::Portable,
            floats,
            ..BuildOptions::new(size)
        };
        let graph = model
            .graph(&options)?
            .to_bytes()
            .map_err(ModelError::from)?;
        let settings = SessionSettings {
            provider: ExecutionProvider::Cpu,
            ..SessionSettings::default()
        };
        let mut session = Session::open(self.runtime, ModelSource::Memory(&graph), &settings)?;
        let mut maps = run(&mut session, size, rgb, 1)?;
        let sky = model.spec().sky.then(|| maps.pop()).flatten();
        let mut map = maps.swap_remove(0);
        for (value, sky) in map.iter_mut().zip(sky.iter().flatten()) {
            if *sky >= 0.3 {
                *value = f32::INFINITY;
            }
        }
        Ok(map)
    }

    /// Compares the provider with the CPU, for depth or classes.
    fn compare(&self, toy: &Toy, precision: Precision, bound: Apart) -> Result<String, Trouble> {
        let Toy { model, size, .. } = toy;
        let rgb = picture(*size, 1);
        let expected = self.on_cpu(model, *size, Floats::F32, &rgb)?;
        let found = self.found(model, *size, precision, &rgb)?;
        let rounded = match precision {
            Precision::Fp16 => Some(self.on_cpu(model, *size, Floats::F16, &rgb)?),
            _ => None,
        };
        if model.spec().output == OutputMeaning::Labels {
            let share = match (classes(&expected, &found), &rounded) {
                // Random weights give many scores that are nearly equal.
                (Err(_), Some(rounded)) => classes(rounded, &found)?,
                (share, _) => share?,
            };
            return Ok(format!("{:.2} % other classes", 100.0 * share));
        }
        let bound = match rounded {
            Some(rounded) => bound.or_own(Apart::of(&expected, &rounded)?),
            None => bound,
        };
        Ok(Apart::of(&expected, &found)?.within(bound)?.to_string())
    }

    fn toys(&self) -> Vec<Toy> {
        toys_in(&self.data)
    }

    fn is_nvidia(&self) -> bool {
        let nvidia = [ExecutionProvider::Cuda, ExecutionProvider::TensorRt];
        nvidia.contains(&self.provider)
    }

    /// The provider's option for CUDA graphs.
    fn cuda_graph_option(&self) -> &'static str {
        match self.provider {
            ExecutionProvider::TensorRt => "trt_cuda_graph_enable",
            _ => "enable_cuda_graph",
        }
    }
}

/// All outputs of a run of `count` pictures.
fn run(
    session: &mut Session,
    size: Size,
    rgb: &[u8],
    count: usize,
) -> Result<Vec<Vec<f32>>, Trouble> {
    let dims = [count, size.height as usize, size.width as usize, 3];
    let number = session.outputs().len();
    let outputs = session.run(TensorData::U8(rgb), &dims)?;
    (0..number)
        .map(|index| {
            Ok(match outputs.get(index)? {
                TensorView::F32 { data, .. } => data.to_vec(),
                TensorView::U8 { data, .. } => data.iter().map(|&class| class.into()).collect(),
                TensorView::I64 { data, .. } => data.iter().map(|&class| class as f32).collect(),
            })
        })
        .collect()
}

/// Each picture gets its own map: a bound input that is copied only once shows the first one's for ever.
fn pictures_in_a_row(context: &Context) -> Result<String, Trouble> {
    let model = Model::embedded()?;
    let size = model.spec().network_size;
    let settings = context.settings(Precision::Fp32);
    let mut engine = context.engine(&model, size, 1, settings)?;
    let mut maps = Vec::new();
    let mut worst = Apart {
        mean: 0.0,
        largest: 0.0,
    };
    for seed in [0, 1, 2, 0] {
        let rgb = picture(size, seed);
        let mut map = Map::Depth(Vec::new());
        engine.infer(&rgb, &mut map)?;
        let found = values(&map);
        let apart = Apart::of(&context.on_cpu(&model, size, Floats::F32, &rgb)?, &found)?;
        let apart = apart.within(FULL)?;
        if apart.largest > worst.largest {
            worst = apart;
        }
        maps.push(found);
    }
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        if Apart::of(&maps[one], &maps[other])?.mean < FULL.mean {
            let text = format!("pictures {one} and {other} have the same map");
            return Err(Trouble::Failed(text));
        }
    }
    let again = Apart::of(&maps[0], &maps[3])?;
    Ok(format!(
        "{worst}; the first one again: {again}; {}",
        engine.provider_reason()
    ))
}

/// A graph for any number of pictures opens with no node on the CPU and gives each picture what it gets
/// alone, in runs of every size.
fn batches(context: &Context) -> Result<String, Trouble> {
    const MOST: usize = 4;
    let model = Model::embedded()?;
    let size = model.spec().network_size;
    let settings = context.settings(Precision::Fp32);
    // As the element asks for it: one of fixed size on some providers, the rest of it left over.
    let mut engine = context.engine(&model, size, MOST, settings.clone())?;
    let mut map = Map::Depth(Vec::new());
    let rgb = picture(size, 5);
    engine.infer(&rgb, &mut map)?;
    let expected = context.on_cpu(&model, size, Floats::F32, &rgb)?;
    Apart::of(&expected, &values(&map))?.within(FULL)?;
    drop(engine);
    let options = BuildOptions {
        input: InputForm::Rgb8,
        batch: Batch::Dynamic,
        ..BuildOptions::new(size)
    };
    let graph = model
        .graph(&options)?
        .to_bytes()
        .map_err(ModelError::from)?;
    let dims = |count| vec![count, size.height as usize, size.width as usize, 3];
    let settings = SessionSettings {
        input_shapes: Some(InputShapes {
            name: "rgb".into(),
            smallest: dims(1),
            largest: dims(MOST),
        }),
        ..settings
    };
    let source = ModelSource::Memory(&graph);
    let mut session = Session::open(context.runtime, source, &settings)?;
    let alone: Vec<Vec<f32>> = (0..MOST)
        .map(|seed| context.on_cpu(&model, size, Floats::F32, &picture(size, seed)))
        .collect::<Result<_, _>>()?;
    let mut worst = 0.0f64;
    for count in [1, 2, 3, MOST, 1] {
        let rgb: Vec<u8> = (0..count).flat_map(|seed| picture(size, seed)).collect();
        let maps = run(&mut session, size, &rgb, count)?.swap_remove(0);
        let apart = Apart::of(&alone[..count].concat(), &maps)?.within(FULL)?;
        worst = worst.max(apart.largest);
    }
    Ok(format!("runs of 1 to {MOST} pictures: largest {worst:.1e}"))
}

/// Bytes as an output.
fn segmentation(context: &Context) -> Result<String, Trouble> {
    let model = Model::open(Path::new("dptdepth-segmentation"))?;
    let toy = Toy {
        name: "segmentation".into(),
        size: model.spec().network_size,
        model,
    };
    context.compare(&toy, Precision::Fp32, FULL)
}

/// Padding on two sides only, which cuDNN's pooling does not know.
fn borders_of_the_hybrid(context: &Context) -> Result<String, Trouble> {
    let toys = context.toys();
    let toy = toys.iter().find(|toy| toy.name == "dpt/hybrid");
    let toy = toy.ok_or_else(|| Trouble::NotChecked("there is no toy of it".into()))?;
    let rgb = picture(toy.size, 1);
    let expected = context.on_cpu(&toy.model, toy.size, Floats::F32, &rgb)?;
    let found = context.found(&toy.model, toy.size, Precision::Fp32, &rgb)?;
    let whole = Apart::of(&expected, &found)?.within(FULL)?;
    // The toy's maps are of the picture's size.
    let width = toy.size.width as usize;
    let edge = |map: &[f32]| -> Vec<f32> {
        let last_row = map[map.len() - width..].iter();
        let last_column = map.iter().skip(width - 1).step_by(width);
        last_row.chain(last_column).copied().collect()
    };
    let edges = Apart::of(&edge(&expected), &edge(&found))?.within(FULL)?;
    Ok(format!("{whole}; last row and column: {edges}"))
}

/// ONNX Runtime has other kernels for attention with up to 128 tokens and with more.
fn fp16_tokens(context: &Context) -> Result<String, Trouble> {
    let mut told = Vec::new();
    for (name, sides) in [
        ("dpt/depth-anything-v2", [(42, 70), (196, 210)]),
        ("dpt/vit-project", [(48, 32), (224, 192)]),
    ] {
        let mut toys = context.toys();
        toys.retain(|toy| toy.name == name);
        let toy = toys.pop();
        let mut toy = toy.ok_or_else(|| Trouble::NotChecked("there is no toy of it".into()))?;
        for (height, width) in sides {
            toy.size = Size::new(height, width);
            let tokens = 1 + toy.size.area() / (toy.model.spec().multiple as usize).pow(2);
            let apart = context.compare(&toy, Precision::Fp16, HALF)?;
            told.push(format!("{name}, {tokens} tokens: {apart}"));
        }
    }
    Ok(told.join("; "))
}

/// A CUDA graph repeats addresses, so pictures have to come to the same one; where there is none, as with
/// a free batch, it is refused. `cuda` fixes the batch.
fn cuda_graph(context: &Context) -> Result<String, Trouble> {
    let model = Model::embedded()?;
    let size = model.spec().network_size;
    let mut settings = context.settings(Precision::Fp32);
    let option = (context.cuda_graph_option().to_owned(), "1".to_owned());
    settings.provider_options = vec![option];
    if !context.is_nvidia() && context.provider != ExecutionProvider::Cpu {
        return Err(Trouble::NotChecked(
            "this provider has no CUDA graphs".into(),
        ));
    }
    let fixes = context.provider == ExecutionProvider::Cuda;
    match context.engine(&model, size, 4, settings.clone()) {
        Err(Trouble::Failed(why)) if !fixes && why.contains("CUDA graph") => {}
        Err(other) => return Err(other),
        Ok(_) if fixes => {}
        Ok(_) => {
            let text = "a free batch is taken for a CUDA graph";
            return Err(Trouble::Failed(text.into()));
        }
    }
    if !context.is_nvidia() {
        let text = "a free batch is refused; this provider has no CUDA graphs";
        return Err(Trouble::NotChecked(text.into()));
    }
    let mut engine = context.engine(&model, size, 1, settings)?;
    let mut worst = 0.0f64;
    for seed in [0, 1, 2, 3, 0] {
        let rgb = picture(size, seed);
        let mut map = Map::Depth(Vec::new());
        engine.infer(&rgb, &mut map)?;
        let expected = context.on_cpu(&model, size, Floats::F32, &rgb)?;
        worst = worst.max(Apart::of(&expected, &values(&map))?.within(FULL)?.largest);
    }
    Ok(format!("five pictures in a row: largest {worst:.1e}"))
}

/// Its memory is another one's.
fn second_gpu(context: &Context) -> Result<String, Trouble> {
    let count = report::gpus().map_or(0, |gpus| gpus.lines().count());
    if !context.is_nvidia() || count < 2 {
        let text = format!("there are {count} NVIDIA GPUs");
        return Err(Trouble::NotChecked(text));
    }
    if let Some(visible) = std::env::var_os("CUDA_VISIBLE_DEVICES") {
        let text = format!("CUDA_VISIBLE_DEVICES is set to {visible:?}");
        return Err(Trouble::NotChecked(text));
    }
    let model = Model::embedded()?;
    let size = model.spec().network_size;
    let mut settings = context.settings(Precision::Fp32);
    settings.device = Some("1".into());
    let mut engine = context.engine(&model, size, 1, settings)?;
    for seed in [0, 1] {
        let rgb = picture(size, seed);
        let mut map = Map::Depth(Vec::new());
        engine.infer(&rgb, &mut map)?;
        let expected = context.on_cpu(&model, size, Floats::F32, &rgb)?;
        Apart::of(&expected, &values(&map))?.within(FULL)?;
    }
    Ok(engine.provider_reason().to_owned())
}

/// The first of equal scores is the class, as ONNX says; cuDNN and TensorRT do not say.
fn equal_scores(context: &Context) -> Result<String, Trouble> {
    const CLASSES: usize = 8;
    let (h, w) = (16, 24);
    let mut b = Builder::new();
    let dims = [1, CLASSES, h, w].map(Dim::Fixed);
    let scores = b.input("scores", ElementType::F32, &dims);
    // A network of one operator would have nothing to run before it.
    let scores = b.relu(&scores);
    let best = b.arg_max(&scores).map_err(ModelError::from)?;
    let best = b.cast(&best, ElementType::F32);
    let labels = b.cast(&best, ElementType::U8);
    b.output("labels", &labels);
    let graph = b.finish("ties").to_bytes().map_err(ModelError::from)?;
    let settings = context.settings(Precision::Fp32);
    let source = ModelSource::Memory(&graph);
    let mut session = Session::open(context.runtime, source, &settings)?;
    // In each pixel some classes, from another one on, share the highest score.
    let first = |pixel: usize| pixel % CLASSES;
    let scores: Vec<f32> = (0..CLASSES * h * w)
        .map(|i| {
            if i / (h * w) >= first(i % (h * w)) {
                2.0
            } else {
                1.0
            }
        })
        .collect();
    let outputs = session.run(TensorData::F32(&scores), &[1, CLASSES, h, w])?;
    let TensorView::U8 { data, .. } = outputs.get(0)? else {
        return Err(Trouble::Failed("labels are no bytes".into()));
    };
    let wrong = data.iter().enumerate();
    let wrong = wrong
        .filter(|(pixel, label)| usize::from(**label) != first(*pixel))
        .count();
    match wrong {
        0 => Ok("the first of equal ones wins".into()),
        // NVIDIA's libraries say nothing of it, so it is worth knowing, and no fault.
        _ if context.is_nvidia() => Ok(format!("ANOTHER ONE WINS in {wrong} of {} pixels", h * w)),
        _ => Err(Trouble::Failed(format!(
            "another one wins in {wrong} of {} pixels",
            h * w
        ))),
    }
}

/// Graphs that PyTorch has exported, one of free size, in 32 bits and rewritten for 16.
fn users_graphs(context: &Context) -> Result<String, Trouble> {
    let mut told = Vec::new();
    let size = Size::new(42, 70);
    let rgb = picture(size, 1);
    for file in ["torch-dynamo.onnx", "torch-script.onnx"] {
        let model = Model::open(&context.data.join("onnx").join(file))?;
        let infer = |provider, precision| -> Result<Vec<f32>, Trouble> {
            let settings = SessionSettings {
                provider,
                ..context.settings(precision)
            };
            let request = Request {
                network: size,
                borders: Borders::default(),
                batch: 1,
                session: settings,
            };
            let mut engine = Engine::prepare(&model, context.runtime, &request)?;
            if engine.active_provider() != provider.name() {
                let active = engine.active_provider();
                return Err(Trouble::Failed(format!(
                    "not all nodes run there: {active}"
                )));
            }
            let mut map = Map::Depth(Vec::new());
            engine.infer(&rgb, &mut map)?;
            Ok(values(&map))
        };
        let expected = infer(ExecutionProvider::Cpu, Precision::Fp32)?;
        let full = infer(context.provider, Precision::Fp32)?;
        let full = Apart::of(&expected, &full)?.within(FULL)?;
        told.push(format!("{file} fp32: {full}"));
        if context.is_nvidia() {
            let half = infer(context.provider, Precision::Fp16)?;
            let half = Apart::of(&expected, &half)?.within(HALF)?;
            told.push(format!("{file} fp16: {half}"));
        }
    }
    Ok(told.join("; "))
}

fn every_architecture_fp32(context: &Context) -> Result<String, Trouble> {
    every_architecture(context, Precision::Fp32, FULL)
}

fn every_architecture_fp16(context: &Context) -> Result<String, Trouble> {
    every_architecture(context, Precision::Fp16, HALF)
}

/// The toys of all architectures. All failures are told, and what there was no time for.
fn every_architecture(
    context: &Context,
    precision: Precision,
    bound: Apart,
) -> Result<String, Trouble> {
    let (mut told, mut failed, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for toy in context.toys() {
        if Instant::now() >= context.deadline {
            left.push(toy.name);
            continue;
        }
        match context.compare(&toy, precision, bound) {
            Ok(apart) => told.push(format!("{}: {apart}", toy.name)),
            Err(Trouble::Failed(why)) => failed.push(format!("{}: {why}", toy.name)),
            Err(other) => return Err(other),
        }
    }
    let mut text = [failed.as_slice(), &told].concat().join("\n");
    if !left.is_empty() {
        text += &format!("\nno time for {}", left.join(", "));
    }
    match (failed.is_empty(), told.is_empty()) {
        (false, _) => Err(Trouble::Failed(text)),
        (true, true) => Err(Trouble::NotChecked(text)),
        (true, false) => Ok(text),
    }
}

/// A second start finds what the first has built.
fn second_start(context: &Context) -> Result<String, Trouble> {
    let model = Model::embedded()?;
    let size = model.spec().network_size;
    let folder = context.scratch.join(format!("cache-{}", context.provider));
    std::fs::create_dir_all(&folder)?;
    let cache = Cache::open(folder.to_str()).map_err(|error| Trouble::Failed(error.to_string()))?;
    let settings = SessionSettings {
        cache,
        keep_small: true,
        ..context.settings(Precision::Fp32)
    };
    let mut took = Vec::new();
    for start in 0..2 {
        let begun = Instant::now();
        let engine = context.engine(&model, size, 1, settings.clone())?;
        took.push(begun.elapsed().as_secs_f64());
        if engine.cache_hit() != (start == 1) {
            return Err(Trouble::Failed(format!(
                "start {start}: hit is {}",
                engine.cache_hit()
            )));
        }
        if let Some(trouble) = engine.cache_trouble() {
            return Err(Trouble::Failed(trouble.to_string()));
        }
    }
    let kinds: Vec<&str> = settings
        .cache
        .list()
        .iter()
        .map(|entry| entry.kind)
        .collect();
    if context.provider == ExecutionProvider::TensorRt {
        if !kinds.contains(&"tensorrt") {
            return Err(Trouble::Failed("no engine is kept".into()));
        }
        // Now that there is one, `auto` takes it.
        let settings = SessionSettings {
            provider: ExecutionProvider::Auto,
            ..settings
        };
        context.engine(&model, size, 1, settings)?;
    }
    Ok(format!(
        "{:.2} s, then {:.2} s; kept: {}",
        took[0],
        took[1],
        kinds.join(", ")
    ))
}

/// Memory of the process and of the GPU does not grow from frame to frame.
fn memory(context: &Context) -> Result<String, Trouble> {
    const MEGABYTE: i64 = 1 << 20;
    let model = Model::embedded()?;
    let size = model.spec().network_size;
    let mut engine = context.engine(&model, size, 1, context.settings(Precision::Fp32))?;
    let pictures = [picture(size, 0), picture(size, 1)];
    let mut map = Map::Depth(Vec::new());
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = statm
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<i64>().ok());
        pages.unwrap_or_default() * 4096
    };
    let on_gpu = || -> Option<i64> {
        let told = report::ask("memory.used")?;
        told.lines().next()?.trim().parse().ok()
    };
    let mut infer = |count: usize| -> Result<(), Trouble> {
        for frame in 0..count {
            engine.infer(&pictures[frame % 2], &mut map)?;
        }
        Ok(())
    };
    // What the first runs allocate stays.
    infer(context.frames / 10)?;
    let before = (resident(), on_gpu());
    infer(context.frames)?;
    let after = (resident(), on_gpu());
    let grown = (after.0 - before.0) / MEGABYTE;
    let grown_on_gpu = before.1.zip(after.1).map(|(before, after)| after - before);
    let text = format!(
        "{} frames: {grown} MiB more in the process, {} on the GPU",
        context.frames,
        grown_on_gpu.map_or("not known".into(), |grown| format!("{grown} MiB more")),
    );
    // Others may use the GPU too; what grows with each of 2000 frames grows by more.
    match grown < 16 && grown_on_gpu.is_none_or(|grown| grown < 64) {
        true => Ok(text),
        false => Err(Trouble::Failed(text)),
    }
}

/// Medians of runs of published shapes, copies to and from the device included.
fn times(context: &Context) -> Result<String, Trouble> {
    let Some(shapes) = &context.published else {
        return Err(Trouble::NotChecked("no published shapes are given".into()));
    };
    let mut folders: Vec<PathBuf> = std::fs::read_dir(shapes)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort_by_key(|folder| published::size(folder));
    let (mut told, mut failed) = (Vec::new(), false);
    for folder in folders {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let precisions = match context.is_nvidia() {
            true => vec![Precision::Auto, Precision::Fp16],
            false => vec![Precision::Auto],
        };
        for precision in precisions {
            let text = match time(context, &folder, precision) {
                Ok(text) => text,
                Err(Trouble::NotChecked(why)) => why,
                Err(Trouble::Failed(why)) => {
                    failed = true;
                    format!("FAILED: {why}")
                }
            };
            told.push(format!("{name} {text}"));
            // If the rest takes too long, these are known.
            println!("{}", told.last().map_or("", String::as_str));
        }
    }
    if failed {
        return Err(Trouble::Failed(told.join("\n")));
    }
    Ok(told.join("\n"))
}

/// The median of one shape's runs.
fn time(context: &Context, folder: &Path, precision: Precision) -> Result<String, Trouble> {
    if Instant::now() >= context.deadline {
        return Err(Trouble::NotChecked(format!("{precision}: no time")));
    }
    let checkpoint = context.scratch.join(folder.file_name().unwrap_or_default());
    if !checkpoint.exists() {
        published::write(folder, &context.scratch)?;
    }
    let model = Model::open(&checkpoint)?;
    let size = model.spec().network_size;
    let begun = Instant::now();
    let mut engine = context.engine(&model, size, 1, context.settings(precision))?;
    let opened = begun.elapsed().as_secs_f64();
    let rgb = picture(size, 0);
    let mut map = Map::Depth(Vec::new());
    let mut runs = Vec::new();
    let begun = Instant::now();
    while runs.len() < 5 || (begun.elapsed() < Duration::from_secs(2) && runs.len() < 200) {
        let start = Instant::now();
        engine.infer(&rgb, &mut map)?;
        runs.push(start.elapsed());
    }
    runs.sort();
    let median = runs[runs.len() / 2].as_secs_f64() * 1e3;
    let precision = engine.precision();
    Ok(format!(
        "{size} {precision}: {median:.2} ms (opened in {opened:.1} s)"
    ))
}
