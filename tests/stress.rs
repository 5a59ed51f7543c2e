// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Random sequences of what applications and pipelines do to an element, against a ledger of every
//! frame that enters and leaves it.
//!
//! `cargo test` runs a few hundred steps of fixed seeds; `scripts/stress.sh` runs ten thousand of a
//! new one. A failure prints the seed and the steps; so does the watchdog, which then aborts.

use crate::common::pipeline;
use gst::prelude::*;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A step that takes longer than this is stuck.
const LIMIT: Duration = Duration::from_secs(30);
/// Steps with one pipeline.
const ROUND: usize = 40;

/// Marsaglia's xorshift64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len() as u64) as usize]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// The steps so far, for whoever finds something wrong.
struct Log {
    seed: u64,
    steps: VecDeque<String>,
    since: Instant,
}

type SharedLog = Arc<Mutex<Log>>;

impl Log {
    fn add(&mut self, step: String) {
        if self.steps.len() == 3 * ROUND {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
        self.since = Instant::now();
    }

    fn text(&self) -> String {
        let steps: Vec<&str> = self.steps.iter().map(String::as_str).collect();
        format!("seed {}:\n{}", self.seed, steps.join("\n"))
    }
}

/// Ends the process, with the steps, when one of them takes too long. Ends with the log.
fn watch(log: &SharedLog) {
    let log = Arc::downgrade(log);
    std::thread::spawn(move || {
        while let Some(log) = log.upgrade() {
            let log = log.lock().unwrap_or_else(|log| log.into_inner());
            if log.since.elapsed() > LIMIT {
                // Not `eprintln!`, which a test's output capture would swallow.
                let _ = writeln!(std::io::stderr(), "stuck; {}", log.text());
                std::process::abort();
            }
            drop(log);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
}

/// What is known of the frames since the last flush or start.
#[derive(Default)]
struct Ledger {
    epoch: u64,
    entered: u64,
    left: u64,
    /// `frames-dropped` when the epoch began.
    dropped_before: u64,
    last_out: Option<u64>,
    last_time: Option<gst::ClockTime>,
    first_time: Option<gst::ClockTime>,
    segments: u32,
    /// What the next frame is preceded by.
    gaps: u32,
    drains: u32,
    problems: Vec<String>,
}

type SharedLedger = Arc<Mutex<Ledger>>;

impl Ledger {
    fn begin(&mut self, dropped_before: u64) {
        *self = Self {
            epoch: self.epoch + 1,
            dropped_before,
            problems: std::mem::take(&mut self.problems),
            ..Self::default()
        };
    }

    fn problem(&mut self, text: String) {
        self.problems.push(text);
    }

    /// Numbers a frame that enters.
    fn enter(&mut self, buffer: &mut gst::BufferRef) {
        buffer.set_offset((self.epoch << 32) | self.entered);
        self.entered += 1;
        self.first_time = self.first_time.or(buffer.pts());
    }

    fn leave(&mut self, buffer: &gst::BufferRef, caps: Option<&gst::Caps>) {
        let (epoch, number) = (buffer.offset() >> 32, buffer.offset() & 0xffff_ffff);
        if epoch != self.epoch {
            let now = self.epoch;
            return self.problem(format!("a frame of epoch {epoch} leaves in {now}"));
        }
        if self.last_out.is_some_and(|last| number <= last) || number >= self.entered {
            let last = self.last_out;
            self.problem(format!("frame {number} leaves after {last:?}"));
        }
        let time = buffer.pts();
        if self.last_time.is_some() && time <= self.last_time {
            let last = self.last_time;
            self.problem(format!("{time:?} leaves after {last:?}"));
        }
        (self.last_out, self.last_time) = (Some(number), time);
        self.left += 1;
        match caps.map(|caps| gst_video::VideoInfo::from_caps(caps)) {
            Some(Ok(info)) if buffer.size() >= info.size() => {}
            _ => self.problem(format!("{} bytes leave as {caps:?}", buffer.size())),
        }
        self.check_age(buffer, time);
    }

    /// A result is of no frame from before the flush.
    fn check_age(&mut self, buffer: &gst::BufferRef, time: Option<gst::ClockTime>) {
        let age = ["GstDptDepthMeta", "GstDptSegmentationMeta"]
            .iter()
            .find_map(|name| gst::meta::CustomMeta::from_buffer(buffer, name).ok())
            .map(|meta| meta.structure().get::<u64>("age").unwrap());
        if let (Some(age), Some(time), Some(first), 1) = (age, time, self.first_time, self.segments)
            && first.nseconds() + age > time.nseconds()
        {
            self.problem(format!("at {time} a result is {age} ns old, since {first}"));
        }
    }

    /// Whatever has entered has left, or was counted as dropped.
    fn is_settled(&mut self, what: &str, stats: &gst::Structure) {
        let dropped: u64 = stats.get::<u64>("frames-dropped").unwrap() - self.dropped_before;
        let (entered, left) = (self.entered, self.left);
        if entered != left + dropped {
            self.problem(format!(
                "at {what} {entered} frames have entered, {left} left, {dropped} been dropped"
            ));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|guard| guard.into_inner())
}

fn stats(depth: &gst::Element) -> gst::Structure {
    depth.property("stats")
}

/// Keeps the ledger of `depth`, and sends events and queries before its frames.
fn keep_ledger(depth: &gst::Element) -> SharedLedger {
    let ledger = SharedLedger::default();
    let kinds = gst::PadProbeType::BUFFER
        | gst::PadProbeType::EVENT_DOWNSTREAM
        | gst::PadProbeType::EVENT_FLUSH;
    // Before the element's sink pad, so that it takes what is sent from here as upstream's.
    let pad = depth.static_pad("sink").unwrap().peer().unwrap();
    let (book, element) = (ledger.clone(), depth.downgrade());
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let (mut gaps, mut drains) = (0, 0);
        let time = info.buffer().and_then(|buffer| buffer.pts());
        {
            let mut book = lock(&book);
            std::mem::swap(&mut gaps, &mut book.gaps);
            std::mem::swap(&mut drains, &mut book.drains);
        }
        for _ in 0..gaps {
            let time = time.unwrap_or_default();
            pad.push_event(gst::event::Gap::builder(time).build());
        }
        for _ in 0..drains {
            let epoch = lock(&book).epoch;
            let mut query = gst::query::Custom::new(gst::Structure::new_empty("x"));
            let mut drain = gst::query::Drain::new();
            pad.peer_query(&mut query);
            if pad.peer_query(&mut drain)
                && let Some(element) = element.upgrade()
            {
                let stats = stats(&element);
                let mut book = lock(&book);
                if book.epoch == epoch {
                    book.is_settled("a drain", &stats);
                }
            }
        }
        gst::PadProbeReturn::Ok
    });
    let pad = depth.static_pad("sink").unwrap();
    let (book, element) = (ledger.clone(), depth.downgrade());
    pad.add_probe(kinds, move |_, info| {
        match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => lock(&book).enter(buffer.make_mut()),
            Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::FlushStop => {
                let dropped = element
                    .upgrade()
                    .map_or(0, |element| stats(&element).get("frames-dropped").unwrap());
                lock(&book).begin(dropped);
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    let pad = depth.static_pad("src").unwrap();
    let book = ledger.clone();
    pad.add_probe(kinds, move |pad, info| {
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                lock(&book).leave(buffer, pad.current_caps().as_ref());
            }
            Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Segment => {
                let mut book = lock(&book);
                book.last_time = None;
                book.segments += 1;
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    ledger
}

/// One pipeline and what is done to it.
struct Round<'a> {
    dice: &'a mut Dice,
    log: &'a SharedLog,
    pipeline: gst::Pipeline,
    depth: gst::Element,
    ledger: SharedLedger,
    live: bool,
    state: gst::State,
}

const SIZES: [&str; 5] = [
    "format=RGB,width=64,height=48",
    "format=NV12,width=96,height=72",
    "format=RGB,width=48,height=96",
    "format=I420,width=160,height=48",
    "format=BGRx,width=33,height=47",
];

fn caps(dice: &mut Dice) -> gst::Caps {
    let size = dice.of(&SIZES);
    format!("video/x-raw,{size},framerate=100/1")
        .parse()
        .unwrap()
}

impl<'a> Round<'a> {
    fn new(dice: &'a mut Dice, log: &'a SharedLog) -> Self {
        let live = dice.one_in(3);
        let model = dice.of(&[
            "",
            "vit-project",
            "depth-anything-v2",
            "depth-anything-v2-metric",
            "vit-segmentation",
        ]);
        let model = if model.is_empty() {
            String::new()
        } else {
            let root = env!("CARGO_MANIFEST_DIR");
            format!("model-file={root}/tests/data/dpt/{model}")
        };
        let alignment = dice.of(&["auto", "strict", "latest"]);
        let output = dice.of(&["map", "overlay", "side-by-side", "meta"]);
        let pattern = dice.of(&["ball", "smpte", "snow"]);
        let sync = dice.one_in(2);
        let queue = dice.of(&["", "! queue max-size-buffers=2"]);
        let description = format!(
            "videotestsrc name=source pattern={pattern} is-live={live} ! capsfilter name=filter caps-change-mode=delayed \
             ! dptdepth name=depth {model} network-size=32 resize-policy=minimal threads=1 \
             alignment={alignment} output={output} {queue} ! fakesink name=sink sync={sync} qos=true"
        );
        lock(log).add(description.clone());
        let pipeline = pipeline(&description);
        let depth = pipeline.by_name("depth").unwrap();
        let caps = caps(dice);
        pipeline
            .by_name("filter")
            .unwrap()
            .set_property("caps", caps);
        let ledger = keep_ledger(&depth);
        Self {
            dice,
            log,
            pipeline,
            depth,
            ledger,
            live,
            state: gst::State::Null,
        }
    }

    fn note(&self, step: String) {
        lock(self.log).add(step);
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{what}; {}", lock(self.log).text());
    }

    /// Handles what is on the bus; whether EOS was.
    fn bus(&self) -> bool {
        let mut eos = false;
        while let Some(message) = self.pipeline.bus().unwrap().pop() {
            match message.view() {
                gst::MessageView::Error(error) => self.fail(&format!("{error:?}")),
                gst::MessageView::Latency(_) => {
                    let _ = self.pipeline.recalculate_latency();
                }
                gst::MessageView::Eos(_) => eos = true,
                _ => {}
            }
        }
        eos
    }

    fn check(&self) {
        let problems = std::mem::take(&mut lock(&self.ledger).problems);
        if !problems.is_empty() {
            self.fail(&problems.join(", "));
        }
        let stats = stats(&self.depth);
        let count = |name: &str| stats.get::<u64>(name).unwrap();
        let kinds = [
            "frames-inferred",
            "frames-reused",
            "frames-without-result",
            "frames-dropped",
        ];
        if kinds.iter().map(|kind| count(kind)).sum::<u64>() != count("frames-in") {
            self.fail(&stats.to_string());
        }
    }

    fn set_state(&mut self, state: gst::State) {
        if self.pipeline.set_state(state).is_err() {
            self.bus();
            self.fail(&format!("no {state:?}"));
        }
        self.state = state;
        if state <= gst::State::Ready {
            lock(&self.ledger).begin(0);
        }
    }

    /// Waits until the state is reached.
    fn settle(&self) {
        let deadline = Instant::now() + LIMIT / 2;
        while Instant::now() < deadline {
            let wait = gst::ClockTime::from_mseconds(20);
            let (result, state, pending) = self.pipeline.state(wait);
            self.bus();
            if result.is_ok() && state == self.state && pending == gst::State::VoidPending {
                return;
            }
        }
        self.fail(&format!("{:?} is not reached", self.state));
    }

    fn runs(&self) -> bool {
        self.state >= gst::State::Paused
    }

    fn seek(&mut self) {
        let to = gst::ClockTime::from_mseconds(self.dice.below(5000));
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        if self.pipeline.seek_simple(flags, to).is_err() {
            self.fail("a seek fails");
        }
    }

    /// Upstream ends; all frames are accounted for, and the stream begins anew.
    fn end(&mut self) {
        self.set_state(gst::State::Playing);
        self.settle();
        self.pipeline.send_event(gst::event::Eos::new());
        let deadline = Instant::now() + LIMIT / 2;
        while !self.bus() {
            if Instant::now() > deadline {
                self.fail("EOS does not come");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        lock(&self.ledger).is_settled("EOS", &stats(&self.depth));
        self.check();
        if self.live || self.dice.one_in(2) {
            self.set_state(gst::State::Ready);
        } else {
            self.seek();
        }
    }

    fn set_property(&mut self) {
        let (name, value) = match self.dice.below(9) {
            0 => ("inference-interval", self.dice.of(&["1", "2", "5", "40"])),
            1 => ("between", self.dice.of(&["hold", "motion", "drop"])),
            2 => ("smoothing", self.dice.of(&["0", "0.5", "1"])),
            3 => ("qos", self.dice.of(&["false", "true"])),
            4 => ("stats-interval", self.dice.of(&["0", "1", "10000000"])),
            5 => ("change-threshold", self.dice.of(&["0", "0.01", "1"])),
            6 => ("scene-cut-threshold", self.dice.of(&["0.1", "0.5", "1"])),
            7 => ("target-fps", self.dice.of(&["0/1", "100/1", "1000/1"])),
            _ => ("range-mode", self.dice.of(&["smooth", "frame"])),
        };
        self.note(format!("{name}={value}"));
        self.depth.set_property_from_str(name, value);
    }

    /// Two threads at once.
    fn at_once(&mut self) {
        let (target, playing) = if self.dice.one_in(2) {
            (gst::State::Paused, gst::State::Playing)
        } else {
            (gst::State::Ready, gst::State::Ready)
        };
        self.note(format!("seek while {target:?}"));
        let to = gst::ClockTime::from_mseconds(self.dice.below(5000));
        let other = self.pipeline.clone();
        let seeks = std::thread::spawn(move || {
            let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
            let _ = other.seek_simple(flags, to);
        });
        self.set_state(target);
        seeks.join().unwrap();
        self.set_state(playing);
    }

    fn step(&mut self) {
        let what = self.dice.below(100);
        match what {
            0..30 => {
                let wait = self.dice.below(25);
                self.note(format!("wait {wait} ms"));
                std::thread::sleep(Duration::from_millis(wait));
            }
            30..48 => {
                let states = [
                    gst::State::Null,
                    gst::State::Ready,
                    gst::State::Paused,
                    gst::State::Playing,
                    gst::State::Playing,
                    gst::State::Playing,
                ];
                let state = states[self.dice.below(6) as usize];
                let settles = self.dice.one_in(2);
                self.note(format!(
                    "{state:?}{}",
                    if settles { ", settled" } else { "" }
                ));
                self.set_state(state);
                if settles {
                    self.settle();
                }
            }
            48..60 if self.runs() && !self.live => {
                self.note("seek".into());
                self.seek();
            }
            60..64 if self.state == gst::State::Playing && !self.live => {
                self.note("seek without a flush".into());
                self.settle();
                let to = gst::ClockTime::from_mseconds(self.dice.below(5000));
                if self
                    .pipeline
                    .seek_simple(gst::SeekFlags::ACCURATE, to)
                    .is_err()
                {
                    self.fail("a seek fails");
                }
            }
            64..68 if self.runs() && !self.live => {
                self.note("flush, seek".into());
                // The source's pad, so that the source too learns of it as a flush.
                let source = self.pipeline.by_name("source").unwrap();
                let pad = source.static_pad("src").unwrap();
                pad.push_event(gst::event::FlushStart::new());
                std::thread::sleep(Duration::from_millis(self.dice.below(4)));
                pad.push_event(gst::event::FlushStop::new(self.dice.one_in(2)));
                self.seek();
            }
            68..78 => {
                let caps = caps(self.dice);
                self.note(caps.to_string());
                let filter = self.pipeline.by_name("filter").unwrap();
                filter.set_property("caps", caps);
            }
            78..81 => {
                self.note("gaps".into());
                lock(&self.ledger).gaps += 1 + self.dice.below(2) as u32;
            }
            81..84 => {
                self.note("drain".into());
                lock(&self.ledger).drains += 1;
            }
            84..87 => {
                self.note("EOS".into());
                self.end();
            }
            87..94 => self.set_property(),
            94..96 => {
                self.note("QOS".into());
                let late = 1_000_000 * self.dice.below(100) as i64;
                let time = gst::ClockTime::from_mseconds(self.dice.below(3000));
                let qos = gst::event::Qos::new(gst::QOSType::Underflow, 2.0, late, time);
                self.depth.static_pad("src").unwrap().send_event(qos);
            }
            96..98 => {
                self.note("reconfigure".into());
                let pad = self.depth.static_pad("src").unwrap();
                pad.send_event(gst::event::Reconfigure::new());
            }
            98.. if self.runs() && !self.live => self.at_once(),
            _ => {}
        }
        self.bus();
        self.check();
    }

    fn run(mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
        self.note("the end".into());
        self.set_state(gst::State::Null);
        let depth = self.depth.downgrade();
        let log = self.log.clone();
        drop(self);
        // The task's thread lets go of the element shortly after its end.
        let deadline = Instant::now() + LIMIT / 2;
        while depth.upgrade().is_some() {
            assert!(Instant::now() < deadline, "leaked; {}", lock(&log).text());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Resident kilobytes, and the workers' threads, of this process.
fn usage() -> (u64, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next())
        .and_then(|number| number.parse().ok());
    let names = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    let workers = names.filter(|name| name.trim() == "dptdepth").count();
    (resident.unwrap_or(0), workers)
}

fn stress(seed: u64, steps: usize, report: bool) {
    let log = Arc::new(Mutex::new(Log {
        seed,
        steps: VecDeque::new(),
        since: Instant::now(),
    }));
    watch(&log);
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let started = Instant::now();
    let mut done = 0;
    while done < steps {
        let round = ROUND.min(steps - done);
        Round::new(&mut dice, &log).run(round);
        done += round;
        if report && (done % (10 * ROUND) == 0 || done == steps) {
            let (resident, workers) = usage();
            let seconds = started.elapsed().as_secs();
            let line = format!("{done} steps, {seconds} s, {resident} kB, {workers} workers");
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// What `scripts/stress.sh` sets: a seed and a number of steps.
fn asked_for() -> Option<(u64, usize)> {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    Some((
        number("DPTDEPTH_STRESS_SEED")?,
        number("DPTDEPTH_STRESS_STEPS")? as usize,
    ))
}

#[test]
fn nothing_hangs_or_is_lost_whatever_is_done() {
    match asked_for() {
        Some((seed, steps)) => {
            stress(seed, steps, true);
            // A worker ends once it has done what it is at.
            let deadline = Instant::now() + LIMIT;
            while usage().1 > 0 {
                assert!(Instant::now() < deadline, "{} workers stay", usage().1);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        None => (1..=4).for_each(|seed| stress(seed, 2 * ROUND, false)),
    }
}
