// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Whether a model stays within 16 bits: what leaves them becomes infinite, then no number, and the
//! map black.

use super::Map;
use crate::inference::{InferenceError, Precision, Session};

/// Looks at the map of the first run, whatever its picture: activations depend on weights more than
/// on pictures. `sky` says that the model marks sky with infinity.
pub(super) fn check(session: &Session, map: &Map, sky: bool) -> Result<(), InferenceError> {
    if session.precision() != Precision::Fp16 || holds_numbers(map, sky) {
        return Ok(());
    }
    Err(InferenceError::Precision {
        provider: session.provider(),
        precision: Precision::Fp16,
        cause: "this model's values leave its range, its first map holds no numbers",
    })
}

fn holds_numbers(map: &Map, sky: bool) -> bool {
    match map {
        Map::Depth(values) => values.iter().all(|v| v.is_finite() || sky && *v > 0.0),
        Map::Labels(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_with_no_numbers_is_noticed() {
        let map = |value| Map::Depth(vec![1.0, value, -2.0]);
        assert!(holds_numbers(&map(65504.0), false));
        assert!(holds_numbers(&map(f32::INFINITY), true));
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!holds_numbers(&map(value), false), "{value}");
        }
        assert!(!holds_numbers(&map(f32::NAN), true));
    }
}
