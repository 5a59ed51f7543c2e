// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `target-fps`: how often the model runs and at which network size, from what its runs and frames
//! cost.

use std::time::{Duration, Instant};

/// What of a frame's time is planned with; the rest is for what cannot be foreseen.
const SHARE: f64 = 0.9;
/// The model runs less often at once, and more often only if that leaves this much room.
const ROOM: f64 = 0.8;
/// … and after this time, so that decisions do not swing.
const PAUSE: Duration = Duration::from_secs(1);
/// How much of a mean a new value replaces.
const NEW: f64 = 0.25;
/// Results that would be older than this ask for a smaller network instead.
const OLDEST: Duration = Duration::from_millis(333);
/// How long they would have to be, so that one slow run costs no new engine.
const OVER: Duration = Duration::from_millis(500);
/// A larger network is tried no sooner than this after the last change of size; each time that it
/// was soon given up again the wait grows by a factor, up to the longest.
const SIZE_PAUSE: Duration = Duration::from_secs(5);
const LONGER: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(320);
/// The cost of runs grows with the network's pixels, that of attention with their square: the
/// exponents that are safe to plan with towards smaller and larger networks.
const SHRINKING: f64 = 1.0;
const GROWING: f64 = 1.25;

/// A running mean of seconds that a single long one, as the first often is, does not reach.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    mean: Option<f64>,
    last: Option<f64>,
}

impl Mean {
    fn of(time: f64) -> Self {
        Self {
            mean: Some(time),
            last: Some(time),
        }
    }

    fn add(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        if let Some(last) = self.last.replace(time) {
            let new = time.min(last);
            self.mean = Some(self.mean.map_or(new, |mean| mean + (new - mean) * NEW));
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::dptdepth) struct Decision {
    pub(in crate::dptdepth) interval: u32,
    /// Index of the network size.
    pub(in crate::dptdepth) size_index: usize,
    /// Seconds that a run takes now, and that a frame takes beside it.
    pub(in crate::dptdepth) run: f64,
    pub(in crate::dptdepth) frame: f64,
}

/// Chooses the interval of inference and the network size.
#[derive(Debug, Default)]
pub(in crate::dptdepth) struct Adapter {
    run: Mean,
    frame: Mean,
    /// Pixels of the network sizes, the largest first.
    sizes: Vec<usize>,
    /// The size whose runs are measured, and the one that is wanted.
    size_index: usize,
    wanted: usize,
    interval: Option<u32>,
    changed: Option<Instant>,
    /// Since when results are too old.
    over: Option<Instant>,
    resized: Option<Instant>,
    grew: bool,
    /// Seconds of a run at the size that is wanted, as they seemed when it was decided.
    expected: Option<f64>,
    size_pause: Option<Duration>,
}

impl Adapter {
    /// The network sizes to choose from, in pixels, the largest first, and the one in use.
    pub(in crate::dptdepth) fn set_sizes(&mut self, sizes: Vec<usize>, size_index: usize) {
        self.sizes = sizes;
        (self.size_index, self.wanted) = (size_index, size_index);
    }

    /// The size in use is the only one from now on.
    pub(in crate::dptdepth) fn stay(&mut self) {
        let own = self.sizes.get(self.size_index).copied();
        self.sizes.clear();
        self.sizes.extend(own);
        (self.size_index, self.wanted) = (0, 0);
    }

    /// An engine of this size is in use now, and took this long for one run.
    pub(in crate::dptdepth) fn runs_at(&mut self, size_index: usize, run: Duration, now: Instant) {
        // Its first run may have had to share the machine with the engine that it replaces.
        let run = run.as_secs_f64();
        self.run = Mean::of(
            self.expected
                .take()
                .map_or(run, |expected| run.min(expected)),
        );
        self.grew = size_index < self.size_index;
        (self.size_index, self.wanted) = (size_index, size_index);
        (self.interval, self.over) = (None, None);
        self.resized = Some(now);
    }

    /// Nothing is to be adapted any more: the first of the sizes, as often as asked.
    pub(in crate::dptdepth) fn rest(&mut self) {
        self.wanted = 0;
        (self.interval, self.over, self.expected) = (None, None, None);
    }

    /// The model has run this long.
    pub(in crate::dptdepth) fn ran(&mut self, took: Duration) {
        self.run.add(took);
    }

    /// What a frame took beside that.
    pub(in crate::dptdepth) fn framed(&mut self, took: Duration) {
        self.frame.add(took);
    }

    /// What holds now.
    pub(in crate::dptdepth) fn interval(&self) -> Option<u32> {
        self.interval
    }

    /// The network size that is wanted.
    pub(in crate::dptdepth) fn wanted(&self) -> usize {
        self.wanted
    }

    /// What a run costs at another size, as a multiple of one at the size in use.
    fn cost(&self, size_index: usize) -> f64 {
        let pixels = |size_index: usize| self.sizes.get(size_index).copied().unwrap_or(1) as f64;
        let ratio = pixels(size_index) / pixels(self.size_index);
        ratio.powf(if ratio > 1.0 { GROWING } else { SHRINKING })
    }

    /// Chooses anew for frames of this length, at least every `least` of which the model is to be
    /// spared; what was decided, where that is news.
    pub(in crate::dptdepth) fn decide(
        &mut self,
        period: Duration,
        least: u32,
        now: Instant,
    ) -> Option<Decision> {
        let (run, frame) = (self.run.mean?, self.frame.mean.unwrap_or(0.0));
        let seconds = period.as_secs_f64();
        let needed = |cost: f64, share: f64| {
            let left = (seconds * share - frame).max(seconds * 0.05);
            ((run * cost / left).ceil() as u32).max(1)
        };
        let size_pause = self.size_pause.unwrap_or(SIZE_PAUSE);
        let rests = |then: Option<Instant>, pause| then.is_some_and(|then| now - then < pause);
        let interval = match self.interval {
            None => needed(1.0, SHARE),
            Some(interval) if needed(1.0, SHARE) > interval => needed(1.0, SHARE),
            Some(interval) if rests(self.changed, PAUSE) => interval,
            Some(interval) => interval.min(needed(1.0, SHARE * ROOM)),
        };
        let longest = ((OLDEST.as_secs_f64() / seconds) as u32).max(least);
        let wanted = if self.wanted != self.size_index {
            self.wanted // on its way
        } else if interval > longest {
            let since = *self.over.get_or_insert(now);
            let smaller = self.size_index + 1..self.sizes.len();
            let fits = |size_index: &usize| needed(self.cost(*size_index), SHARE) <= longest;
            let found = smaller.clone().find(fits).or(smaller.last());
            // Before anything was tried one look is enough; a larger size has been thought about.
            let first = self.interval.is_none() && !self.grew;
            found
                .filter(|_| first || now - since >= OVER)
                .unwrap_or(self.size_index)
        } else {
            self.over = None;
            let fits = |size_index: &usize| needed(self.cost(*size_index), SHARE * ROOM) <= longest;
            (0..self.size_index)
                .find(fits)
                .filter(|_| !rests(self.resized, size_pause))
                .unwrap_or(self.size_index)
        };
        if (self.interval, self.wanted) == (Some(interval), wanted) {
            return None;
        }
        if self.interval != Some(interval) {
            self.changed = Some(now);
        }
        if wanted > self.size_index && self.grew && rests(self.resized, 2 * size_pause) {
            self.grew = false;
            self.size_pause = Some((LONGER * size_pause).min(LONGEST_PAUSE));
        }
        if wanted != self.wanted {
            self.expected = Some(run * self.cost(wanted));
        }
        (self.interval, self.wanted) = (Some(interval), wanted);
        Some(Decision {
            interval: interval.max(least),
            size_index: wanted,
            run,
            frame,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_model_runs_as_often_as_there_is_time() {
        let mut adapter = Adapter::default();
        let start = Instant::now();
        assert_eq!(adapter.decide(MS(40), 1, start), None, "nothing is known");
        adapter.runs_at(0, MS(200), start);
        adapter.framed(MS(20));
        adapter.framed(MS(6));
        // 40 ms · 0.9 − 6 ms = 30 ms a frame are left for the model.
        assert_eq!(adapter.decide(MS(40), 1, start).unwrap().interval, 7);
        assert_eq!(adapter.decide(MS(40), 1, start), None);
    }

    #[test]
    fn load_is_followed_at_once_and_its_end_after_a_while() {
        let mut adapter = Adapter::default();
        let start = Instant::now();
        adapter.runs_at(0, MS(100), start);
        assert_eq!(adapter.decide(MS(40), 1, start).unwrap().interval, 3);
        for _ in 0..50 {
            adapter.ran(MS(200));
        }
        assert_eq!(adapter.decide(MS(40), 1, start).unwrap().interval, 6);
        for _ in 0..50 {
            adapter.ran(MS(100));
        }
        assert_eq!(adapter.decide(MS(40), 1, start), None);
        let later = adapter.decide(MS(40), 1, start + PAUSE).unwrap();
        assert_eq!(later.interval, 4);
        // A little less does not make it swing.
        for _ in 0..50 {
            adapter.ran(MS(95));
        }
        assert_eq!(adapter.decide(MS(40), 1, start + 3 * PAUSE), None);
    }

    /// Runs of 36 ms fit into one frame of 40 ms, so that 8 frames (a third of a second) hold 288.
    #[test]
    fn what_no_interval_can_hold_asks_for_a_smaller_network() {
        let mut adapter = Adapter::default();
        let start = Instant::now();
        adapter.set_sizes(vec![1000, 640, 410, 260], 0);
        adapter.runs_at(0, MS(600), start);
        let first = adapter.decide(MS(40), 1, start).unwrap();
        // 600 · 0.41 = 246, at once, since nothing else was ever tried.
        assert_eq!((first.interval, first.size_index), (17, 2));
        assert_eq!(adapter.decide(MS(40), 1, start), None, "it is on its way");
        adapter.runs_at(2, MS(240), start);
        let second = adapter.decide(MS(40), 1, start).unwrap();
        assert_eq!((second.interval, second.size_index), (7, 2));

        // One slow run is nothing, two are followed by the interval alone, lasting load by the size.
        adapter.ran(MS(900));
        assert_eq!(adapter.decide(MS(40), 1, start), None);
        adapter.ran(MS(900));
        let slow = adapter.decide(MS(40), 1, start).unwrap();
        assert_eq!((slow.interval, slow.size_index), (12, 2));
        assert_eq!(adapter.decide(MS(40), 1, start + OVER / 2), None);
        assert_eq!(
            adapter.decide(MS(40), 1, start + OVER).unwrap().size_index,
            3
        );
        adapter.runs_at(3, MS(250), start + OVER);
        adapter.decide(MS(40), 1, start + OVER);

        // The load ends: back to the size that it had, after a while, and no further.
        for _ in 0..50 {
            adapter.ran(MS(110));
        }
        let soon = adapter.decide(MS(40), 1, start + 3 * PAUSE).unwrap();
        assert_eq!(soon.size_index, 3);
        let later = adapter
            .decide(MS(40), 1, start + OVER + SIZE_PAUSE)
            .unwrap();
        assert_eq!(later.size_index, 2);

        // It comes again at once: the next attempt waits longer.
        let grown = start + OVER + SIZE_PAUSE;
        adapter.runs_at(2, MS(900), grown - OVER);
        adapter.ran(MS(900));
        adapter.ran(MS(900));
        assert_eq!(
            adapter.decide(MS(40), 1, grown - OVER).unwrap().size_index,
            2
        );
        assert_eq!(adapter.decide(MS(40), 1, grown).unwrap().size_index, 3);
        adapter.runs_at(3, MS(110), grown);
        adapter.decide(MS(40), 1, grown);
        assert_eq!(adapter.decide(MS(40), 1, grown + SIZE_PAUSE), None);
        let again = adapter.decide(MS(40), 1, grown + LONGER * SIZE_PAUSE);
        let again = again.unwrap();
        assert_eq!(again.size_index, 2);
    }

    #[test]
    fn a_size_that_fails_is_not_asked_for_again() {
        let mut adapter = Adapter::default();
        let start = Instant::now();
        adapter.set_sizes(vec![1000, 400], 0);
        adapter.runs_at(0, MS(600), start);
        assert_eq!(adapter.decide(MS(40), 1, start).unwrap().size_index, 1);
        adapter.stay();
        assert_eq!(adapter.wanted(), 0);
        assert_eq!(adapter.decide(MS(40), 1, start + 2 * OVER), None);
    }

    #[test]
    fn an_interval_that_was_asked_for_is_not_held_against_the_size() {
        let mut adapter = Adapter::default();
        adapter.set_sizes(vec![1000, 400], 0);
        let start = Instant::now();
        adapter.runs_at(0, MS(600), start);
        let decision = adapter.decide(MS(40), 20, start).unwrap();
        assert_eq!((decision.interval, decision.size_index), (20, 0));
    }
}
