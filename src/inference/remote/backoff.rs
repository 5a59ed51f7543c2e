// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Doubles from `first` up to `most`. Half of the wait is random, so that clients which lost a
/// server together do not come back together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) most: Duration,
}

impl Backoff {
    /// The wait after this many failures in a row, the first being 0.
    pub(super) fn wait(self, failures: u32) -> Duration {
        self.jittered(failures, random())
    }

    /// `random` is in 0..1.
    fn jittered(self, failures: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.min(20));
        doubled.min(self.most).mul_f64(0.5 + 0.5 * random)
    }
}

/// A number in 0..1 of the keys that the standard library seeds its hash maps with.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(100),
        most: Duration::from_secs(10),
    };

    #[test]
    fn waits_double_up_to_the_cap() {
        let longest: Vec<_> = (0..9)
            .map(|failures| BACKOFF.jittered(failures, 1.0).as_millis())
            .collect();
        assert_eq!(
            longest,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        assert_eq!(
            BACKOFF.jittered(u32::MAX, 0.0),
            Duration::from_secs(5),
            "never less than half"
        );
    }

    #[test]
    fn waits_differ() {
        let waits: std::collections::HashSet<_> = (0..100).map(|_| BACKOFF.wait(3)).collect();
        assert!(waits.len() > 90, "{}", waits.len());
        let bounds = Duration::from_millis(400)..=Duration::from_millis(800);
        assert!(waits.iter().all(|wait| bounds.contains(wait)));
    }
}
