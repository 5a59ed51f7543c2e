// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The element's dealings with time: whether upstream is live, what latency is told, how late
//! downstream finds frames, and what is counted on the way.

use crate::dptdepth::CAT;
use crate::dptdepth::imp::DptDepth;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::output::result::Shown;
use crate::dptdepth::output::stream::Use;
use crate::dptdepth::settings::Looks;
use crate::dptdepth::stats::Stats;
use crate::engine::{Done, Ready};
use crate::frame::Fit;
use crate::spec::Size;
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a frame is thought to take beside its inference, before any has been seen.
const OVERHEAD: Duration = Duration::from_millis(5);

/// How long a frame took.
#[derive(Clone, Copy)]
pub(in crate::dptdepth) struct Took {
    /// From its arrival on, without what downstream kept the element waiting.
    pub(in crate::dptdepth) all: Duration,
    /// What it would have taken if downstream took every frame at once: what is told as latency.
    pub(in crate::dptdepth) own: Duration,
    /// To draw it and to attach its result.
    pub(in crate::dptdepth) drawing: Duration,
    /// Whether the model runs on it.
    pub(in crate::dptdepth) runs: bool,
}

impl DptDepth {
    /// Asks upstream whether it is live.
    pub(in crate::dptdepth) fn look_upstream(&self) {
        let mut query = gst::query::Latency::new();
        let live = self.sink_pad.peer_query(&mut query) && query.result().0;
        self.live.store(live, Ordering::Relaxed);
        gst::debug!(
            CAT,
            imp = self,
            "upstream is {}live",
            if live { "" } else { "not " }
        );
    }

    pub(in crate::dptdepth) fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// An engine stands: what its runs take is told as latency before the first frame.
    pub(in crate::dptdepth) fn engine_runs(&self, network: Size, ready: &Ready, strict: bool) {
        self.with_stats(|stats| {
            stats.provider = Some(ready.provider.clone());
            stats.network = (network.width, network.height);
            stats.cache_hit = ready.cache_hit;
        });
        let run = if strict {
            ready.warm_run
        } else {
            Duration::ZERO
        };
        let told = lock(&self.latency).seed(run + OVERHEAD);
        self.tell_latency(told);
    }

    /// Every how many frames the model runs, and at which of `ladder`'s network sizes.
    pub(in crate::dptdepth) fn adapt(&self, looks: &Looks, ladder: &[Fit]) -> (u32, usize) {
        let interval = looks.inference_interval;
        let (numer, denom) = (looks.target_fps.numer(), looks.target_fps.denom());
        let mut adapter = lock(&self.adapter);
        if numer <= 0 {
            adapter.rest();
            return (interval, adapter.wanted());
        }
        let period = Duration::from_secs_f64(f64::from(denom) / f64::from(numer));
        let decision = adapter.decide(period, interval, Instant::now());
        let chosen = adapter.interval().unwrap_or(1).max(interval);
        let rung = adapter.wanted();
        drop(adapter);
        if let Some(decision) = decision
            && let Some(fit) = ladder.get(decision.rung)
        {
            self.post_adapted(&decision, fit.network);
        }
        (chosen, rung)
    }

    /// By how much downstream will find this frame late.
    pub(in crate::dptdepth) fn lateness(
        &self,
        moment: Moment,
        looks: &Looks,
    ) -> Option<gst::ClockTime> {
        if looks.qos {
            lock(&self.qos).lateness(moment)
        } else {
            None
        }
    }

    /// Counts a frame that is not passed on, and says so.
    pub(in crate::dptdepth) fn drop_frame(&self, buffer: &gst::BufferRef, moment: Moment) {
        self.with_stats(|stats| {
            stats.frames += 1;
            stats.dropped += 1;
        });
        self.post_dropped(buffer, moment);
    }

    pub(in crate::dptdepth) fn with_stats(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut lock(&self.stats));
    }

    /// The model has run.
    pub(in crate::dptdepth) fn ran(&self, done: &Done) {
        lock(&self.adapter).ran(done.turn);
        self.with_stats(|stats| {
            stats.inference.add(done.took);
            stats.waiting.add(done.turn.saturating_sub(done.took));
            stats.batched += done.batch as u64;
            stats.streams = u32::try_from(done.streams).unwrap_or(u32::MAX);
            stats.lanes = u32::try_from(done.lanes).unwrap_or(u32::MAX);
        });
    }

    /// A frame is about to be pushed.
    pub(in crate::dptdepth) fn pushed(
        &self,
        shown: Option<&Shown>,
        use_of: Use,
        moment: Moment,
        took: Took,
    ) {
        lock(&self.adapter).framed(took.drawing);
        self.with_stats(|stats| {
            stats.frames += 1;
            match use_of {
                Use::Fresh => stats.inferred += 1,
                Use::Reused => stats.reused += 1,
                Use::Bare => stats.bare += 1,
            }
            stats.latency.add(took.all);
            stats.postprocess.add(took.drawing);
            if let Some(shown) = shown.filter(|_| use_of != Use::Bare) {
                stats.age.add(moment.since(shown.source).into());
                stats.near = shown.range.near.into();
                stats.far = shown.range.far.into();
            }
        });
        let told = lock(&self.latency).add(took.own, took.runs);
        self.tell_latency(told);
        self.post_stats(Instant::now());
    }

    /// Stores a new latency and has the pipeline ask for it.
    fn tell_latency(&self, latency: Option<Duration>) {
        let Some(latency) = latency else { return };
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.told_latency.store(nanoseconds, Ordering::Relaxed);
        let message = gst::message::Latency::builder().src(&*self.obj()).build();
        let _ = self.obj().post_message(message);
    }

    /// Posts `stats` when it is time.
    fn post_stats(&self, now: Instant) {
        let interval = lock(&self.settings).stats_interval;
        if interval.is_zero() {
            return;
        }
        let structure = {
            let mut last = lock(&self.stats_posted);
            let due = last.is_none_or(|then| now - then >= interval.into());
            if !due {
                return;
            }
            *last = Some(now);
            lock(&self.stats).structure()
        };
        self.post_element(structure);
    }
}
