// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Statistics as text that Prometheus reads: its exposition format, version 0.0.4.
//!
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>; names and base units:
//! <https://prometheus.io/docs/practices/naming/>.

use crate::dptdepth::stats::Stats;
use crate::dptdepth::streaming::latency::Times;
use std::fmt::Write as _;

/// The `Content-Type` of [`text`].
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One element's values.
pub(super) struct Sample {
    labels: String,
    stats: Stats,
}

impl Sample {
    /// `element` is what tells this element from the others of the same text.
    pub(super) fn new(element: &str, model: &str, stats: Stats) -> Self {
        let provider = stats.provider.as_deref().unwrap_or_default();
        let labels = format!(
            "element=\"{}\",model=\"{}\",provider=\"{}\"",
            escaped(element),
            escaped(model),
            escaped(provider)
        );
        Self { labels, stats }
    }
}

/// A label's value as it stands between quotes.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text
}

fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    format!("{value:?}")
}

type Of<T> = fn(&Stats) -> T;
type OfTimes = fn(&Stats) -> &Times;

/// Frames by what they left with.
const FRAMES: [(&str, Of<u64>); 4] = [
    ("fresh", |stats| stats.inferred),
    ("reused", |stats| stats.reused),
    ("none", |stats| stats.bare),
    ("dropped", |stats| stats.dropped),
];

const TIMES: [(&str, &str, OfTimes); 6] = [
    (
        "latency",
        "Time from a frame's arrival to its departure; quantiles over the last 256 frames.",
        |stats| &stats.latency,
    ),
    (
        "preprocess",
        "Time to prepare a frame for the network; quantiles over the last 256 runs.",
        |stats| &stats.preprocess,
    ),
    (
        "inference",
        "Time of a run of the network; quantiles over the last 256 runs.",
        |stats| &stats.inference,
    ),
    (
        "waiting",
        "Time that a run waits for those of elements that share the model; quantiles over the last 256 runs.",
        |stats| &stats.waiting,
    ),
    (
        "postprocess",
        "Time to draw a result and attach it; quantiles over the last 256 frames.",
        |stats| &stats.postprocess,
    ),
    (
        "age",
        "Stream time between a frame and the frame its result is of; quantiles over the last 256 results.",
        |stats| &stats.age,
    ),
];

const GAUGES: [(&str, &str, Of<f64>); 12] = [
    (
        "up",
        "1 when the model runs, 0 while it is being prepared.",
        |stats| f64::from(u8::from(stats.provider.is_some())),
    ),
    (
        "streams",
        "Elements that share the model's session.",
        |stats| stats.streams.into(),
    ),
    (
        "runs_at_once",
        "Runs of the network that can go on at once.",
        |stats| stats.lanes.into(),
    ),
    (
        "batch_mean_frames",
        "Frames of one run of the network, on the average.",
        Stats::batch_mean,
    ),
    (
        "latency_max_seconds",
        "The longest latency of a frame.",
        |stats| stats.latency.max().as_secs_f64(),
    ),
    (
        "age_max_seconds",
        "The greatest age of a result on a frame.",
        |stats| stats.age.max().as_secs_f64(),
    ),
    (
        "inference_interval_frames",
        "The model runs on every so many frames.",
        |stats| stats.interval.into(),
    ),
    (
        "range_near",
        "Near end of the depth range: metres for metric results, else the model's values.",
        |stats| if_any(stats, stats.near),
    ),
    (
        "range_far",
        "Far end of the depth range: metres for metric results, else the model's values.",
        |stats| if_any(stats, stats.far),
    ),
    (
        "flicker_index",
        "Mean change between successive maps where the picture stays; NaN before it is known.",
        |stats| stats.flicker.map_or(f64::NAN, f64::from),
    ),
    (
        "network_width_pixels",
        "Width of the network's input.",
        |stats| stats.network.0.into(),
    ),
    (
        "network_height_pixels",
        "Height of the network's input.",
        |stats| stats.network.1.into(),
    ),
];

/// A range is known once a frame has left with a result.
fn if_any(stats: &Stats, value: f64) -> f64 {
    if stats.age.count() == 0 {
        f64::NAN
    } else {
        value
    }
}

/// The values of all elements, one metric after the other.
pub(super) fn text(samples: &[Sample]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, samples);
    text
}

fn write(text: &mut String, samples: &[Sample]) -> std::fmt::Result {
    header(
        text,
        "frames_total",
        "Frames by what they left with: a result of their own, an earlier one, none; or dropped.",
        "counter",
    )?;
    for Sample { labels, stats } in samples {
        for (result, count) in FRAMES {
            let count = count(stats);
            writeln!(
                text,
                "dptdepth_frames_total{{{labels},result=\"{result}\"}} {count}"
            )?;
        }
    }
    header(
        text,
        "scene_cuts_total",
        "Scene cuts that were seen.",
        "counter",
    )?;
    for Sample { labels, stats } in samples {
        writeln!(text, "dptdepth_scene_cuts_total{{{labels}}} {}", stats.cuts)?;
    }
    for (name, help, times) in TIMES {
        header(text, &format!("{name}_seconds"), help, "summary")?;
        for Sample { labels, stats } in samples {
            let times = times(stats);
            for share in [0.5, 0.95] {
                let time = times.percentile(share, usize::MAX);
                let time = number(time.map_or(f64::NAN, |time| time.as_secs_f64()));
                writeln!(
                    text,
                    "dptdepth_{name}_seconds{{{labels},quantile=\"{share}\"}} {time}"
                )?;
            }
            let sum = number(times.sum().as_secs_f64());
            writeln!(text, "dptdepth_{name}_seconds_sum{{{labels}}} {sum}")?;
            let count = times.count();
            writeln!(text, "dptdepth_{name}_seconds_count{{{labels}}} {count}")?;
        }
    }
    for (name, help, value) in GAUGES {
        header(text, name, help, "gauge")?;
        for Sample { labels, stats } in samples {
            let value = number(value(stats));
            writeln!(text, "dptdepth_{name}{{{labels}}} {value}")?;
        }
    }
    Ok(())
}

fn header(text: &mut String, name: &str, help: &str, kind: &str) -> std::fmt::Result {
    writeln!(text, "# HELP dptdepth_{name} {help}")?;
    writeln!(text, "# TYPE dptdepth_{name} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        let sample = Sample::new("a\"} 1\nb\\", "ü", Stats::default());
        assert_eq!(
            sample.labels,
            r#"element="a\"} 1\nb\\",model="ü",provider="""#
        );
    }

    #[test]
    fn numbers_are_the_formats_own() {
        let texts = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.25, 1e300].map(number);
        assert_eq!(texts, ["+Inf", "-Inf", "NaN", "0.25", "1e300"]);
    }

    #[test]
    fn times_are_seconds() {
        let mut stats = Stats {
            provider: Some("CPU".into()),
            ..Stats::default()
        };
        for ms in 1..=100 {
            stats.inference.add(Duration::from_millis(ms));
        }
        let text = text(&[Sample::new("depth", "tiny", stats)]);
        let labels = r#"element="depth",model="tiny",provider="CPU""#;
        for line in [
            format!("dptdepth_inference_seconds{{{labels},quantile=\"0.5\"}} 0.05"),
            format!("dptdepth_inference_seconds{{{labels},quantile=\"0.95\"}} 0.095"),
            format!("dptdepth_inference_seconds_sum{{{labels}}} 5.05"),
            format!("dptdepth_inference_seconds_count{{{labels}}} 100"),
            format!("dptdepth_latency_seconds{{{labels},quantile=\"0.5\"}} NaN"),
            format!("dptdepth_range_near{{{labels}}} NaN"),
            format!("dptdepth_up{{{labels}}} 1.0"),
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
    }
}
