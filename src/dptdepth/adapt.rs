// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `target-fps`: how often the model runs, from what its runs and frames cost.

use std::time::{Duration, Instant};

/// What of a frame's time is planned with; the rest is for what cannot be foreseen.
const SHARE: f64 = 0.9;
/// The model runs less often at once, and more often only if that leaves this much room.
const ROOM: f64 = 0.8;
/// … and after this time, so that decisions do not swing.
const PAUSE: Duration = Duration::from_secs(1);
/// How much of a mean a new value replaces.
const NEW: f64 = 0.25;

/// A running mean of seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Mean(Option<f64>);

impl Mean {
    fn add(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        self.0 = Some(self.0.map_or(time, |mean| mean + (time - mean) * NEW));
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decision {
    pub(super) interval: u32,
    /// Seconds that a run takes, and that a frame takes beside it.
    pub(super) run: f64,
    pub(super) frame: f64,
}

/// Chooses every how many frames the model runs.
#[derive(Debug, Default)]
pub(super) struct Adapter {
    run: Mean,
    frame: Mean,
    interval: Option<u32>,
    changed: Option<Instant>,
}

impl Adapter {
    /// The model has run this long.
    pub(super) fn ran(&mut self, took: Duration) {
        self.run.add(took);
    }

    /// What a frame took beside that.
    pub(super) fn framed(&mut self, took: Duration) {
        self.frame.add(took);
    }

    /// What holds now.
    pub(super) fn interval(&self) -> Option<u32> {
        self.interval
    }

    /// Chooses anew for frames of this length; what was decided, where that is news.
    pub(super) fn decide(&mut self, period: Duration, now: Instant) -> Option<Decision> {
        let (run, frame) = (self.run.0?, self.frame.0.unwrap_or(0.0));
        let period = period.as_secs_f64();
        let needed = |share: f64| {
            let left = (period * share - frame).max(period * 0.05);
            ((run / left).ceil() as u32).max(1)
        };
        let interval = match self.interval {
            None => needed(SHARE),
            Some(interval) if needed(SHARE) > interval => needed(SHARE),
            Some(interval) => {
                let rests = self.changed.is_some_and(|then| now - then < PAUSE);
                if rests {
                    interval
                } else {
                    interval.min(needed(SHARE * ROOM))
                }
            }
        };
        if self.interval == Some(interval) {
            return None;
        }
        self.interval = Some(interval);
        self.changed = Some(now);
        Some(Decision {
            interval,
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
        assert_eq!(adapter.decide(MS(40), start), None, "nothing is known yet");
        adapter.ran(MS(300));
        adapter.framed(MS(6));
        // 40 ms · 0.9 − 6 ms = 30 ms a frame are left for the model.
        assert_eq!(adapter.decide(MS(40), start).unwrap().interval, 10);
        assert_eq!(adapter.decide(MS(40), start), None);
    }

    #[test]
    fn load_is_followed_at_once_and_its_end_after_a_while() {
        let mut adapter = Adapter::default();
        let start = Instant::now();
        adapter.ran(MS(100));
        assert_eq!(adapter.decide(MS(40), start).unwrap().interval, 3);
        for _ in 0..50 {
            adapter.ran(MS(200));
        }
        assert_eq!(adapter.decide(MS(40), start).unwrap().interval, 6);
        for _ in 0..50 {
            adapter.ran(MS(100));
        }
        assert_eq!(adapter.decide(MS(40), start), None);
        let later = adapter.decide(MS(40), start + PAUSE).unwrap();
        assert_eq!(later.interval, 4);
        // A little less does not make it swing.
        for _ in 0..50 {
            adapter.ran(MS(95));
        }
        assert_eq!(adapter.decide(MS(40), start + 3 * PAUSE), None);
    }
}
