// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How far a download is: a bar on a terminal, a line every few seconds elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::{Duration, Instant};

const LINE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    name: String,
    /// None where stderr is no terminal.
    bar: Option<ProgressBar>,
    size: Cell<Option<u64>>,
    /// When the last line was written and how many bytes there were.
    told: Cell<(Instant, u64)>,
}

impl Progress {
    pub(super) fn new(target: &Path, size: Option<u64>) -> Self {
        let name = target
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(size.unwrap_or(0)).with_prefix(name.clone());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let progress = Self {
            name,
            bar,
            size: Cell::new(size),
            told: Cell::new((Instant::now(), 0)),
        };
        progress.style("waiting for the server");
        progress
    }

    /// The body begins to come, `have` bytes being here already.
    pub(super) fn start(&self, have: u64, size: Option<u64>) {
        self.size.set(size);
        self.told.set((Instant::now(), have));
        if let Some(bar) = &self.bar {
            bar.set_length(size.unwrap_or(have));
            bar.set_position(have);
            bar.reset_eta();
        } else if have > 0 {
            eprintln!("{}: going on after {}", self.name, bytes(have));
        }
        self.style("");
    }

    pub(super) fn advance(&self, have: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(have);
            return;
        }
        let (told, before) = self.told.get();
        let passed = told.elapsed();
        if passed >= LINE_EVERY {
            let rate = have.saturating_sub(before) as f64 / passed.as_secs_f64();
            let of = self.size.get().map_or_else(String::new, |size| {
                let percent = have as f64 / size.max(1) as f64 * 100.0;
                format!(" of {} ({percent:.0} %)", bytes(size))
            });
            eprintln!(
                "{}: {}{of}, {}/s",
                self.name,
                bytes(have),
                bytes(rate as u64)
            );
            self.told.set((Instant::now(), have));
        }
    }

    /// A line that stays.
    pub(super) fn note(&self, text: &str) {
        let line = format!("{}: {text}", self.name);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
        self.style("waiting for the server");
    }

    pub(super) fn checking(&self) {
        self.style("checking");
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn style(&self, message: &'static str) {
        let Some(bar) = &self.bar else { return };
        let template = match (message.is_empty(), self.size.get()) {
            (false, _) => "{prefix}: {msg} {spinner}",
            (true, Some(_)) => {
                "{prefix} [{bar:30}] {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left"
            }
            (true, None) => "{prefix} {spinner} {decimal_bytes}, {decimal_bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A size for people, in the decimal units that download pages use.
pub(crate) fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        _ if count < 1e3 => format!("{count} B"),
        _ if count < 1e6 => format!("{:.1} kB", count / 1e3),
        _ if count < 1e9 => format!("{:.1} MB", count / 1e6),
        _ => format!("{:.2} GB", count / 1e9),
    }
}
