// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the element's tests share.

pub(crate) mod onnx;
pub(crate) mod toys;

use gst::prelude::*;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

/// GStreamer with the plugin under test, never an installed copy.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstdptdepth::plugin_register_static().expect("the plugin registers");
    });
}

/// A pipeline from its description.
pub(crate) fn pipeline(description: &str) -> gst::Pipeline {
    init();
    gst::parse::launch(description)
        .unwrap_or_else(|error| panic!("{description}: {error}"))
        .downcast()
        .expect("a description of several elements makes a pipeline")
}

/// Buffers, each with its caps.
pub(crate) type Frames = Vec<(gst::Buffer, gst::Caps)>;

/// What comes to the sink pad of the element `name`.
pub(crate) fn collect(pipeline: &gst::Pipeline, name: &str) -> Arc<Mutex<Frames>> {
    let frames = Arc::<Mutex<Frames>>::default();
    let all = frames.clone();
    let element = pipeline.by_name(name).expect("the description names it");
    let pad = element.static_pad("sink").expect("it has a sink pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let (Some(buffer), Some(caps)) = (info.buffer(), pad.current_caps()) {
            all.lock().unwrap().push((buffer.clone(), caps));
        }
        gst::PadProbeReturn::Ok
    });
    frames
}

/// The buffers alone, taken out.
pub(crate) fn take_buffers(frames: &Mutex<Frames>) -> Vec<gst::Buffer> {
    let frames = std::mem::take(&mut *frames.lock().unwrap());
    frames.into_iter().map(|(buffer, _)| buffer).collect()
}

/// The pixel formats that an element's sink template names.
pub(crate) fn sink_formats(factory: &str) -> Vec<String> {
    init();
    let template = gst::ElementFactory::find(factory)
        .expect("the plugin registers it")
        .static_pad_templates()
        .iter()
        .find(|template| template.direction() == gst::PadDirection::Sink)
        .expect("it has a sink template")
        .caps();
    let formats: gst::List = template.structure(0).unwrap().get("format").unwrap();
    assert!(formats.len() >= 20);
    formats.iter().map(|format| format.get().unwrap()).collect()
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct End {
    /// Errors in the order of their arrival: the posting element's factory and the text.
    pub(crate) errors: Vec<(String, String)>,
    /// Whether EOS came.
    pub(crate) eos: bool,
    /// Element messages named `dptdepth-model`.
    pub(crate) models: Vec<gst::Structure>,
    /// GstProgress: kind of each message.
    pub(crate) progress: Vec<gst::ProgressType>,
    /// Warnings.
    pub(crate) warnings: Vec<String>,
}

/// Plays until EOS or an error, then collects what else is on the bus and stops.
pub(crate) fn play(pipeline: &gst::Pipeline, patience: Duration) -> End {
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let started = pipeline.set_state(gst::State::Playing);
    let mut end = End {
        errors: Vec::new(),
        eos: false,
        models: Vec::new(),
        progress: Vec::new(),
        warnings: Vec::new(),
    };
    let deadline = std::time::Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let wait = if end.errors.is_empty() && started.is_ok() {
            left
        } else {
            // Whatever follows an error follows soon.
            Duration::from_millis(300)
        };
        let wait = gst::ClockTime::try_from(wait).expect("minutes");
        let Some(message) = bus.timed_pop(wait) else {
            assert!(
                !end.errors.is_empty(),
                "neither EOS nor an error within {patience:?}"
            );
            break;
        };
        match message.view() {
            gst::MessageView::Error(error) => {
                let from = message
                    .src()
                    .and_then(|src| src.downcast_ref::<gst::Element>())
                    .and_then(|element| element.factory())
                    .map_or_else(String::new, |factory| factory.name().to_string());
                end.errors.push((from, error.error().message().to_string()));
            }
            gst::MessageView::Warning(warning) => {
                end.warnings.push(warning.error().message().to_string());
            }
            gst::MessageView::Progress(progress) => end.progress.push(progress.get().0),
            gst::MessageView::Element(element) => {
                if let Some(structure) = element.structure()
                    && structure.name() == "dptdepth-model"
                {
                    end.models.push(structure.to_owned());
                }
            }
            gst::MessageView::Eos(_) => {
                end.eos = true;
                break;
            }
            _ => {}
        }
    }
    pipeline
        .set_state(gst::State::Null)
        .expect("NULL always works");
    end
}

/// Waits until a pipeline that plays has come to its end, without an error.
pub(crate) fn await_eos(pipeline: &gst::Pipeline) {
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(120), &kinds);
    let message = message.expect("neither EOS nor an error within two minutes");
    assert!(
        matches!(message.view(), gst::MessageView::Eos(_)),
        "{message:?}"
    );
}

/// Waits until something is so, which `what` says.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A field of an element's `stats`.
pub(crate) fn stat<T>(element: &gst::Element, name: &str) -> T
where
    T: for<'a> gst::glib::value::FromValue<'a> + 'static,
{
    let stats = element.property::<gst::Structure>("stats");
    stats.value(name).unwrap().get::<T>().unwrap()
}

/// The map that a frame carries, if it carries one of depth.
pub(crate) fn depth_of(buffer: &gst::Buffer) -> Option<Vec<f32>> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").ok()?;
    let data: gst::Buffer = meta.structure().get("data").unwrap();
    let map = data.map_readable().unwrap();
    let values = map.as_chunks::<4>().0.iter();
    Some(values.map(|bytes| f32::from_ne_bytes(*bytes)).collect())
}

/// The ONNX Runtime that `tests/run.sh` sets up.
pub(crate) fn runtime() -> &'static gstdptdepth::inference::Runtime {
    gstdptdepth::inference::runtime::load(None, None)
        .expect("tests/run.sh fetches ONNX Runtime and sets ORT_DYLIB_PATH")
}
