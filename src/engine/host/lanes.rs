// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How many runs go on at once, and which engine each thread of a host has for its own.
//!
//! One run on all cores ends soonest, which is what a camera wants. Runs beside each other, each on
//! its own cores, end more pictures: threads of one run wait for each other, the more so the smaller
//! the model. So where pictures have been queueing for a while the cores are parted among *lanes*,
//! and put together again once one run at a time would keep up. A change goes lane by lane, so that
//! others serve meanwhile.

use std::time::{Duration, Instant};

/// Runs at once at the most; each takes memory.
pub(in crate::engine) const MOST: usize = 4;
/// Lanes are opened where over so long, and so many times what it takes to build an engine, and so
/// many runs, pictures waited at the end of this part of the runs: what has gone on for long will go
/// on for long enough to make up for the time that opening takes.
const BUSY_WINDOW: Duration = Duration::from_secs(1);
const BUSY_BUILDS: u32 = 10;
const BUSY_RUNS: u32 = 8;
const BUSY: f64 = 0.75;
/// They are closed where over so long, runs on all cores would have taken less than this part of it.
const QUIET_WINDOW: Duration = Duration::from_secs(5);
const QUIET: f64 = 0.7;

/// What a thread of the host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// Builds an engine.
    Opens,
    /// Runs one that was built for so many lanes.
    Serves(usize),
    Gone,
}

/// What a lane is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Run what is queued.
    Serve,
    /// Have another lane opened.
    Open(Share),
    /// Build an engine for this share in place of its own.
    Change(Share),
    /// End.
    End,
}

/// One of some lanes that part the cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which one, from 0.
    pub lane: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// The only one.
    pub const WHOLE: Self = Self { lane: 0, of: 1 };

    /// Its part of so many cores, at least one.
    pub fn threads(self, cores: usize) -> usize {
        (cores / self.of + usize::from(self.lane < cores % self.of)).max(1)
    }
}

/// What is counted over a time.
#[derive(Debug)]
struct Window {
    since: Instant,
    runs: u32,
    /// Those at whose end a picture waited.
    queueing: u32,
}

impl Window {
    fn from(since: Instant) -> Self {
        Self {
            since,
            runs: 0,
            queueing: 0,
        }
    }

    fn spans(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// The lanes of a host.
#[derive(Debug)]
pub(super) struct Lanes {
    most: usize,
    wanted: usize,
    lanes: Vec<Lane>,
    /// What a run on all cores takes.
    alone: Duration,
    /// How long pictures must wait before lanes are opened.
    patience: Duration,
    /// To see whether more lanes are needed, and whether fewer would do.
    busy: Window,
    quiet: Window,
    /// A change has failed, and none is tried again.
    frozen: bool,
}

impl Lanes {
    /// One lane, which serves; `most` is how many there may be. What a run, and building an engine,
    /// takes.
    pub(super) fn new(most: usize, run: Duration, build: Duration) -> Self {
        Self {
            most: most.clamp(1, MOST),
            wanted: 1,
            lanes: vec![Lane::Serves(1)],
            alone: run,
            patience: BUSY_WINDOW.max(build * BUSY_BUILDS),
            busy: Window::from(Instant::now()),
            quiet: Window::from(Instant::now()),
            frozen: false,
        }
    }

    /// Runs that may go on at once.
    pub(super) fn open(&self) -> usize {
        let serves = |lane: &&Lane| matches!(lane, Lane::Serves(_));
        self.lanes.iter().filter(serves).count()
    }

    /// A run of one picture is over; `queueing`: somebody who minds waited for its end.
    pub(super) fn ran(&mut self, now: Instant, took: Duration, queueing: bool) {
        if self.most == 1 || self.frozen {
            return;
        }
        if self.wanted == 1 {
            self.alone = (self.alone * 7 + took) / 8;
        }
        for window in [&mut self.busy, &mut self.quiet] {
            window.runs += 1;
            window.queueing += u32::from(queueing);
        }
        if self.quiet.spans(now) >= QUIET_WINDOW {
            let window = std::mem::replace(&mut self.quiet, Window::from(now));
            let taken = self.alone.as_secs_f64() * f64::from(window.runs);
            if taken < QUIET * window.spans(now).as_secs_f64() {
                self.wanted = 1;
            }
        }
        if self.busy.spans(now) >= self.patience && self.busy.runs >= BUSY_RUNS {
            let window = std::mem::replace(&mut self.busy, Window::from(now));
            let busy = f64::from(window.queueing) >= BUSY * f64::from(window.runs);
            let wanted = Lane::Serves(self.wanted);
            let settled = self.lanes.iter().all(|&lane| lane == wanted);
            if busy && settled && self.wanted < self.most {
                self.wanted = (self.wanted * 2).min(self.most);
                self.quiet = Window::from(now);
            }
        }
    }

    /// What the lane is to do. What is to be opened or changed counts as begun.
    pub(super) fn step(&mut self, lane: usize) -> Step {
        let of = self.wanted;
        if self.frozen || self.lanes.contains(&Lane::Opens) {
            return Step::Serve;
        }
        let stands = |lane: &Lane| *lane == Lane::Serves(of);
        if lane >= of {
            if self.lanes.iter().take(of).all(stands) {
                self.lanes[lane] = Lane::Gone;
                while self.lanes.last() == Some(&Lane::Gone) {
                    self.lanes.pop();
                }
                return Step::End;
            }
            return Step::Serve;
        }
        self.lanes.resize(self.lanes.len().max(of), Lane::Gone);
        let missing = self
            .lanes
            .iter()
            .take(of)
            .position(|&lane| lane == Lane::Gone);
        if let Some(missing) = missing {
            self.lanes[missing] = Lane::Opens;
            return Step::Open(Share { lane: missing, of });
        }
        if self.lanes[lane] != Lane::Serves(of) && self.open() > 1 {
            self.lanes[lane] = Lane::Opens;
            return Step::Change(Share { lane, of });
        }
        Step::Serve
    }

    /// The lane has an engine for this share.
    pub(super) fn opened(&mut self, share: Share) {
        self.lanes[share.lane] = Lane::Serves(share.of);
    }

    /// No engine could be built for a lane that has the engine for `kept` lanes, or none: things stay
    /// as they are.
    pub(super) fn refused(&mut self, share: Share, kept: Option<usize>) {
        self.lanes[share.lane] = kept.map_or(Lane::Gone, Lane::Serves);
        self.frozen = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Duration = Duration::from_millis(10);

    /// So many runs in a row, one after the other.
    fn run(lanes: &mut Lanes, now: &mut Instant, count: u32, every: Duration, queueing: bool) {
        for _ in 0..count {
            *now += every;
            lanes.ran(*now, RUN, queueing);
        }
    }

    /// Lets every lane that serves do what it is to do, until nothing changes; the fewest that served
    /// meanwhile.
    fn settle(lanes: &mut Lanes) -> usize {
        let mut fewest = usize::MAX;
        loop {
            let before = lanes.lanes.clone();
            for lane in 0..before.len() {
                if !matches!(lanes.lanes.get(lane), Some(Lane::Serves(_))) {
                    continue;
                }
                let step = lanes.step(lane);
                fewest = fewest.min(lanes.open());
                if let Step::Open(share) | Step::Change(share) = step {
                    lanes.opened(share);
                }
            }
            if lanes.lanes == before {
                return fewest;
            }
        }
    }

    #[test]
    fn lanes_open_while_pictures_queue_and_close_when_one_would_do() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(4, RUN, RUN);
        run(&mut lanes, &mut now, 99, RUN, true);
        assert_eq!((settle(&mut lanes), lanes.open()), (1, 1));
        run(&mut lanes, &mut now, 2, RUN, true);
        // The first serves until the second does.
        assert_eq!(settle(&mut lanes), 1);
        assert_eq!(lanes.lanes, [Lane::Serves(2); 2]);
        run(&mut lanes, &mut now, 102, RUN, true);
        assert_eq!(settle(&mut lanes), 2);
        assert_eq!(lanes.lanes, [Lane::Serves(4); 4]);
        // As many as are allowed.
        run(&mut lanes, &mut now, 1000, RUN, true);
        settle(&mut lanes);
        assert_eq!(lanes.open(), 4);
        // One at a time would be busy for half of the time.
        run(&mut lanes, &mut now, 600, 2 * RUN, false);
        assert!(settle(&mut lanes) >= 1);
        assert_eq!(lanes.open(), 1);
        assert_eq!(lanes.lanes, [Lane::Serves(1)]);
        // And once more.
        run(&mut lanes, &mut now, 202, RUN, true);
        settle(&mut lanes);
        assert_eq!(lanes.lanes, [Lane::Serves(2); 2]);
    }

    #[test]
    fn pictures_must_queue_most_of_the_time_and_not_for_a_few_runs_alone() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(2, RUN, RUN);
        for _ in 0..200 {
            run(&mut lanes, &mut now, 7, RUN, true);
            run(&mut lanes, &mut now, 3, RUN, false);
        }
        assert_eq!(lanes.step(0), Step::Serve);
        // Nor do a few long runs show that more will come.
        let mut lanes = Lanes::new(2, RUN, RUN);
        run(&mut lanes, &mut now, 7, 50 * RUN, true);
        assert_eq!(lanes.step(0), Step::Serve);
        run(&mut lanes, &mut now, 1, 50 * RUN, true);
        assert_eq!(lanes.step(0), Step::Open(Share { lane: 1, of: 2 }));
    }

    #[test]
    fn a_refusal_leaves_things_as_they_are() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(2, RUN, RUN);
        run(&mut lanes, &mut now, 200, RUN, true);
        let Step::Open(share) = lanes.step(0) else {
            panic!("pictures have been queueing");
        };
        lanes.refused(share, None);
        run(&mut lanes, &mut now, 2000, RUN, true);
        assert_eq!((settle(&mut lanes), lanes.open()), (1, 1));

        let mut lanes = Lanes::new(2, RUN, RUN);
        run(&mut lanes, &mut now, 200, RUN, true);
        lanes.step(0);
        lanes.opened(share);
        let change = Share { lane: 0, of: 2 };
        assert_eq!(lanes.step(0), Step::Change(change));
        lanes.refused(change, Some(1));
        run(&mut lanes, &mut now, 2000, 5 * RUN, false);
        assert_eq!((settle(&mut lanes), lanes.open()), (2, 2));
    }

    #[test]
    fn what_takes_long_to_open_is_opened_later() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(2, RUN, 50 * RUN);
        run(&mut lanes, &mut now, 499, RUN, true);
        assert_eq!(lanes.step(0), Step::Serve);
        run(&mut lanes, &mut now, 2, RUN, true);
        assert_eq!(lanes.step(0), Step::Open(Share { lane: 1, of: 2 }));
    }

    #[test]
    fn one_is_enough_where_no_more_are_allowed() {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(1, RUN, RUN);
        run(&mut lanes, &mut now, 1000, RUN, true);
        assert_eq!(lanes.step(0), Step::Serve);
    }

    #[test]
    fn shares_part_all_cores() {
        for cores in 1..20 {
            for of in 1..=MOST {
                let shares = (0..of).map(|lane| Share { lane, of }.threads(cores));
                assert_eq!(shares.sum::<usize>(), cores.max(of));
            }
        }
    }
}
