// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How long frames stay in the element: what is measured, and what is told to the pipeline.

use std::time::{Duration, Instant};

/// Frames that percentiles are taken of.
const WINDOW: usize = 256;
/// Frames that what is told is taken of, and intervals of frames at the least.
const RECENT: usize = 48;
const FEWEST: usize = 8;
/// What is told changes with more than this part of itself, and this much.
const TOLERANCE: f64 = 0.1;
const LEAST: Duration = Duration::from_millis(2);
/// It shrinks no more often than this: every change makes the pipeline set its latency anew.
const PAUSE: Duration = Duration::from_secs(2);

/// The last times of something, and their percentiles.
#[derive(Clone, Debug)]
pub(in crate::dptdepth) struct Times {
    last: [Duration; WINDOW],
    count: usize,
    sum: Duration,
    max: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            last: [Duration::ZERO; WINDOW],
            count: 0,
            sum: Duration::ZERO,
            max: Duration::ZERO,
        }
    }
}

impl Times {
    pub(in crate::dptdepth) fn add(&mut self, time: Duration) {
        self.last[self.count % WINDOW] = time;
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        self.max = self.max.max(time);
    }

    /// How many there ever were.
    pub(in crate::dptdepth) fn count(&self) -> usize {
        self.count
    }

    /// All there ever were together.
    pub(in crate::dptdepth) fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest ever.
    pub(in crate::dptdepth) fn max(&self) -> Duration {
        self.max
    }

    /// What this share of the newest `window` times does not exceed; `None` before the first.
    pub(in crate::dptdepth) fn percentile(&self, share: f64, window: usize) -> Option<Duration> {
        let count = self.count.min(WINDOW).min(window);
        let mut recent = [Duration::ZERO; WINDOW];
        for (back, time) in recent.iter_mut().enumerate().take(count) {
            *time = self.last[(self.count - 1 - back) % WINDOW];
        }
        let recent = &mut recent[..count];
        let rank = (count as f64 * share).ceil() as usize;
        let (_, time, _) =
            recent.select_nth_unstable(rank.clamp(1, count.max(1)).min(count).checked_sub(1)?);
        Some(*time)
    }

    /// The same over all that is remembered.
    pub(in crate::dptdepth) fn quantile(&self, share: f64) -> Duration {
        self.percentile(share, WINDOW).unwrap_or_default()
    }
}

/// How long frames would have waited for those before them if downstream took every frame at once.
///
/// How long they did wait says less: a backlog, from a moment that the model was slow or not ready,
/// stays for as long as downstream waits for it. If that were told, downstream would.
#[derive(Debug, Default)]
pub(in crate::dptdepth) struct Backlog {
    last: Option<Instant>,
    wait: Duration,
    /// What the last frame kept the next one waiting.
    service: Duration,
}

impl Backlog {
    /// The next frame has come at `came`, has `waited` so long and will keep the one behind it
    /// waiting for `service`. How long it would have waited.
    pub(in crate::dptdepth) fn next(
        &mut self,
        came: Instant,
        waited: Duration,
        service: Duration,
    ) -> Duration {
        if let Some(last) = self.last.replace(came) {
            let since = came.saturating_duration_since(last);
            self.wait = (self.wait + self.service).saturating_sub(since);
        }
        self.service = service;
        self.wait = self.wait.min(waited);
        self.wait
    }
}

/// The latency that is told.
#[derive(Debug, Default)]
pub(in crate::dptdepth) struct Latency {
    /// The longest from each frame that the model runs on to the next.
    times: Times,
    longest: Option<Duration>,
    /// Frames since the model ran.
    frames: usize,
    told: Duration,
    changed: Option<Instant>,
}

impl Latency {
    /// What frames are expected to take, before any has.
    pub(in crate::dptdepth) fn seed(&mut self, expected: Duration) -> Option<Duration> {
        self.times = Times::default();
        (self.longest, self.frames) = (None, 0);
        self.tell(expected, Instant::now())
    }

    /// A frame needed this long, and the model ran on it or did not. What is to be told from now
    /// on, if that changes.
    pub(in crate::dptdepth) fn add(&mut self, took: Duration, runs: bool) -> Option<Duration> {
        self.frames += 1;
        if !runs {
            self.longest = self.longest.map(|longest| longest.max(took));
            return None;
        }
        let recent = (RECENT / std::mem::take(&mut self.frames)).max(FEWEST);
        self.times.add(self.longest.replace(took)?);
        let now = Instant::now();
        let wanted = self.times.percentile(0.95, recent)?;
        let difference = wanted.abs_diff(self.told);
        if difference < LEAST || difference.as_secs_f64() < TOLERANCE * self.told.as_secs_f64() {
            return None;
        }
        let few = self.times.count < recent / 2;
        let soon = self.changed.is_some_and(|then| now - then < PAUSE);
        // Too short a latency loses frames; too long a one only keeps them waiting.
        if wanted < self.told && (few || soon) {
            return None;
        }
        self.tell(wanted, now)
    }

    fn tell(&mut self, latency: Duration, now: Instant) -> Option<Duration> {
        self.told = latency;
        self.changed = Some(now);
        Some(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn percentiles_are_those_of_the_newest_times() {
        let mut times = Times::default();
        assert_eq!(times.percentile(0.5, 10), None);
        for ms in 1..=1000 {
            times.add(MS(ms));
        }
        // The last 256: 745 … 1000.
        assert_eq!(times.quantile(0.5), MS(872));
        assert_eq!(times.quantile(1.0), MS(1000));
        assert_eq!(times.percentile(0.95, 100), Some(MS(995)));
        times.add(MS(1));
        assert_eq!(times.percentile(0.0, 1), Some(MS(1)));
        assert_eq!(times.max(), MS(1000));
    }

    #[test]
    fn a_backlog_that_downstream_keeps_up_is_not_latency() {
        let mut backlog = Backlog::default();
        let start = Instant::now();
        // All wait for 300 ms, but the model takes 20 of every 40 ms.
        for frame in 0..10 {
            let wait = backlog.next(start + MS(40) * frame, MS(300), MS(20));
            assert_eq!(wait, MS(0));
        }
        // Two that come at once wait for each other, and where the model is too slow all do.
        let wait = backlog.next(start + MS(360), MS(300), MS(20));
        assert_eq!(wait, MS(20));
        let slow = (10..20).map(|frame| backlog.next(start + MS(40) * frame, MS(100), MS(60)));
        assert_eq!(slow.last(), Some(MS(100)), "no longer than they did");
    }

    #[test]
    fn growth_is_told_at_once_and_noise_not_at_all() {
        let mut latency = Latency::default();
        assert_eq!(latency.seed(MS(100)), Some(MS(100)));
        for _ in 0..100 {
            assert_eq!(latency.add(MS(105), true), None);
        }
        assert_eq!(latency.add(MS(200), true), None, "one frame of many");
        let told: Vec<_> = (0..48).filter_map(|_| latency.add(MS(200), true)).collect();
        assert_eq!(told, [MS(200)]);
        // It has just changed, so it does not shrink yet.
        assert!((0..100).all(|_| latency.add(MS(50), true).is_none()));
    }

    #[test]
    fn one_slow_frame_of_each_interval_counts() {
        let mut latency = Latency::default();
        latency.seed(MS(10));
        let frames = (0..300).filter_map(|at| match at % 30 {
            0 => latency.add(MS(100), true),
            _ => latency.add(MS(1), false),
        });
        assert_eq!(frames.collect::<Vec<_>>(), [MS(100)]);
    }
}
