// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

/// Whether a zone is occupied, and whether that is about to change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) occupied: bool,
    /// Since when the maps say otherwise.
    doubted_since: Option<u64>,
}

impl State {
    /// Takes what a map says and returns whether the state has changed: it does once the maps have
    /// said so for `hold` nanoseconds.
    pub(super) fn update(&mut self, occupied: bool, time: Option<u64>, hold: u64) -> bool {
        if occupied == self.occupied {
            self.doubted_since = None;
            return false;
        }
        if let Some(time) = time {
            let since = *self.doubted_since.get_or_insert(time);
            // Video may run backwards.
            if time.abs_diff(since) < hold {
                return false;
            }
        }
        *self = Self {
            occupied,
            doubted_since: None,
        };
        true
    }
}
