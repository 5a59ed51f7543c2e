// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Times of frames and runs: the latency that is reported, the adaptation to `target-fps`, statistics.

use super::adapt::Adapter;
use super::latency::{Backlog, Latency};
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue::Arrival;
use crate::dptdepth::output::result::Shown;
use crate::dptdepth::output::stream::ResultOrigin;
use crate::dptdepth::settings::PlayingSettings;
use crate::dptdepth::shared::Shared;
use crate::engine::{Done, Ready};
use crate::frame::Fit;
use crate::spec::Size;
use crate::video::lock;
use std::time::{Duration, Instant};

/// Expected time of a frame beside its inference, before any has been seen.
const OVERHEAD: Duration = Duration::from_millis(5);

/// Times of the streaming task.
#[derive(Default)]
pub(super) struct Timing {
    latency: Latency,
    adapter: Adapter,
    backlog: Backlog,
    /// Times of the last frame's steps: before its run, the run, and after it.
    preprocessing: Duration,
    run: Duration,
    drawing: Duration,
    stats_posted: Option<Instant>,
}

/// Times of a frame that is held.
#[derive(Clone, Copy)]
pub(super) struct HeldTimes {
    arrived: Arrival,
    taken: Arrival,
    /// Time for which the frame would have waited for earlier ones by then, had downstream taken
    /// every frame at once.
    waited: Duration,
    /// Least time of the frame's own preprocessing and run.
    work: Duration,
}

impl Timing {
    /// Sets the network sizes to choose from, largest first, and the index of the one in use.
    pub(super) fn set_network_sizes(&mut self, sizes: &[Fit], index: usize) {
        let pixels = sizes.iter().map(|fit| fit.network.area()).collect();
        self.adapter.set_sizes(pixels, index);
    }

    /// Keeps the network size in use from now on.
    pub(super) fn keep_network_size(&mut self) {
        self.adapter.stay();
    }

    /// Starts with an engine: the time of its runs is reported as latency before the first frame.
    pub(super) fn engine_in_use(
        &mut self,
        shared: &Shared,
        network: Size,
        ready: &Ready,
        size_index: usize,
        strict: bool,
    ) {
        let now = Instant::now();
        self.adapter.runs_at(size_index, ready.warm_run, now);
        shared.with_stats(|stats| {
            stats.provider = Some(ready.provider.clone());
            stats.network = (network.width, network.height);
            stats.cache_hit = ready.cache_hit;
        });
        let run = if strict {
            ready.warm_run
        } else {
            Duration::ZERO
        };
        if let Some(latency) = self.latency.seed(run + OVERHEAD) {
            shared.report_latency(latency);
        }
    }

    /// The interval of inference, and the index of the wanted one of the network `sizes`.
    pub(super) fn adapt(
        &mut self,
        shared: &Shared,
        settings: &PlayingSettings,
        sizes: &[Fit],
    ) -> (u32, usize) {
        let interval = settings.inference_interval;
        let (numer, denom) = (settings.target_fps.numer(), settings.target_fps.denom());
        if numer <= 0 {
            self.adapter.rest();
            return (interval, self.adapter.wanted());
        }
        let period = Duration::from_secs_f64(f64::from(denom) / f64::from(numer));
        let decision = self.adapter.decide(period, interval, Instant::now());
        if let Some(decision) = decision
            && let Some(fit) = sizes.get(decision.size_index)
        {
            shared.post_adapted(&decision, fit.network);
        }
        let interval = self.adapter.interval().unwrap_or(1).max(interval);
        (interval, self.adapter.wanted())
    }

    /// Takes a frame: its times from here on. `infers`: the model runs on it.
    pub(super) fn take(
        &mut self,
        (arrived, taken): (Arrival, Arrival),
        infers: bool,
        strict: bool,
    ) -> HeldTimes {
        let only_if = |condition, time| if condition { time } else { Duration::ZERO };
        let preprocessing = only_if(infers, self.preprocessing);
        let run = only_if(infers && strict, self.run);
        let service = run.max(preprocessing + self.drawing);
        let waited = self.backlog.next(arrived.at, taken.since(arrived), service);
        HeldTimes {
            arrived,
            taken,
            waited,
            work: preprocessing + run,
        }
    }

    pub(super) fn preprocessed(&mut self, shared: &Shared, took: Duration) {
        self.preprocessing = took;
        shared.with_stats(|stats| stats.preprocess.add(took));
    }

    /// Counts a run of the model.
    pub(super) fn ran(&mut self, shared: &Shared, done: &Done) {
        self.run = done.turn;
        self.adapter.ran(done.turn);
        shared.with_stats(|stats| {
            stats.inference.add(done.took);
            stats.waiting.add(done.turn.saturating_sub(done.took));
            stats.batched += done.batch as u64;
            stats.streams = u32::try_from(done.streams).unwrap_or(u32::MAX);
            stats.lanes = u32::try_from(done.lanes).unwrap_or(u32::MAX);
        });
    }

    /// Counts a frame that is about to be pushed `now`, drawn in `drawing`; reports a latency that has
    /// changed and posts `stats` when it is time.
    pub(super) fn drawn(
        &mut self,
        shared: &Shared,
        frame: &Pushed<'_>,
        (now, drawing): (Arrival, Duration),
    ) {
        let Pushed {
            times,
            moment,
            infers,
            origin,
            shown,
            settings,
        } = frame;
        self.drawing = drawing;
        self.adapter.framed(drawing);
        shared.with_stats(|stats| {
            stats.frames += 1;
            match origin {
                ResultOrigin::Own => stats.inferred += 1,
                ResultOrigin::Earlier => stats.reused += 1,
                ResultOrigin::None => stats.bare += 1,
            }
            stats.latency.add(now.since(times.arrived));
            stats.postprocess.add(drawing);
            if let Some(shown) = shown.filter(|_| *origin != ResultOrigin::None) {
                stats.age.add(moment.since(shown.source).into());
                stats.near = shown.range.near.into();
                stats.far = shown.range.far.into();
            }
        });
        let own = now
            .since(times.taken)
            .max(times.waited + times.work + drawing);
        if let Some(latency) = self.latency.add(own, *infers) {
            shared.report_latency(latency);
        }
        self.post_stats(shared, settings.stats_interval);
    }

    /// Posts `stats` if the interval, which is none at zero, has passed.
    fn post_stats(&mut self, shared: &Shared, interval: gst::ClockTime) {
        let now = Instant::now();
        let is_due = |then: Instant| now - then >= interval.into();
        if !interval.is_zero() && self.stats_posted.is_none_or(is_due) {
            self.stats_posted = Some(now);
            let structure = lock(&shared.stats).structure();
            shared.post(structure);
        }
    }
}

/// A frame that is about to be pushed.
pub(super) struct Pushed<'s> {
    pub(super) times: HeldTimes,
    pub(super) moment: Moment,
    /// The model runs on it.
    pub(super) infers: bool,
    pub(super) origin: ResultOrigin,
    /// The result that the stream has, whether or not the frame carries it.
    pub(super) shown: Option<&'s Shown>,
    pub(super) settings: &'s PlayingSettings,
}
