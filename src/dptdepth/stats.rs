// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the element counts and measures: the property `stats` and the messages of it.

use crate::dptdepth::streaming::latency::Times;
use std::time::Duration;

/// Counters and times since the element left READY.
#[derive(Clone, Debug, Default)]
pub(super) struct Stats {
    pub(super) frames: u64,
    pub(super) inferred: u64,
    pub(super) reused: u64,
    /// Frames that left without a result.
    pub(super) bare: u64,
    pub(super) dropped: u64,
    /// From a frame's arrival to its departure.
    pub(super) latency: Times,
    pub(super) preprocess: Times,
    pub(super) inference: Times,
    /// For runs of other elements that share the model.
    pub(super) waiting: Times,
    /// Pictures in all runs together.
    pub(super) batched: u64,
    /// Elements that share the session, this one included.
    pub(super) streams: u32,
    /// Runs of the model that can go on at once.
    pub(super) lanes: u32,
    pub(super) postprocess: Times,
    pub(super) age: Times,
    pub(super) near: f64,
    pub(super) far: f64,
    pub(super) flicker: Option<f32>,
    pub(super) provider: Option<String>,
    pub(super) network: (u32, u32),
    pub(super) interval: u32,
    pub(super) cache_hit: bool,
    pub(super) cuts: u64,
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Stats {
    /// The structure `application/x-dptdepth-stats`; times in nanoseconds.
    pub(super) fn structure(&self) -> gst::Structure {
        let median = |times: &Times| nanoseconds(times.quantile(0.5));
        gst::Structure::builder("application/x-dptdepth-stats")
            .field("frames-in", self.frames)
            .field("frames-inferred", self.inferred)
            .field("frames-reused", self.reused)
            .field("frames-without-result", self.bare)
            .field("frames-dropped", self.dropped)
            .field("latency-p50", median(&self.latency))
            .field("latency-p95", nanoseconds(self.latency.quantile(0.95)))
            .field("latency-max", nanoseconds(self.latency.max()))
            .field("preprocess-p50", median(&self.preprocess))
            .field("inference-p50", median(&self.inference))
            .field("inference-p95", nanoseconds(self.inference.quantile(0.95)))
            .field("postprocess-p50", median(&self.postprocess))
            .field("age-p50", median(&self.age))
            .field("age-max", nanoseconds(self.age.max()))
            .field("range-near", self.near)
            .field("range-far", self.far)
            .field("flicker-index", self.flicker.map_or(f64::NAN, f64::from))
            .field("scene-cuts", self.cuts)
            .field("provider", self.provider.as_deref())
            .field("network-width", self.network.0)
            .field("network-height", self.network.1)
            .field("inference-interval", self.interval)
            .field("cache-hit", self.cache_hit)
            .field("waiting-p50", median(&self.waiting))
            .field("streams", self.streams)
            .field("runs-at-once", self.lanes)
            .field("batch-mean", self.batch_mean())
            .build()
    }

    /// Pictures in a run, on the average: more than one where elements that share a model let it
    /// take several. 0 before the first run.
    pub(super) fn batch_mean(&self) -> f64 {
        self.batched as f64 / (self.inference.count().max(1) as f64)
    }
}
