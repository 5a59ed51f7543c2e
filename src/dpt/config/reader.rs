// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Typed and bounded access to a JSON object.

use super::super::DptError;
use super::MAX_WIDTH;
use serde_json::Value as Json;

/// An object of the file; absent keys and nulls have the caller's default.
pub(super) struct Reader<'j>(pub(super) &'j Json);

pub(super) fn wrong(key: &str, reason: impl Into<String>) -> DptError {
    DptError::Config {
        key: key.into(),
        reason: reason.into(),
    }
}

impl Reader<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, DptError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| wrong(key, "is neither true nor false")),
        }
    }

    pub(super) fn text<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, DptError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| wrong(key, "is no text")),
        }
    }

    pub(super) fn number(&self, key: &str, default: f64) -> Result<f64, DptError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| wrong(key, "is no number")),
        }
    }

    pub(super) fn count(&self, key: &str, default: usize, max: u64) -> Result<usize, DptError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => count(key, value, 1, max),
        }
    }

    pub(super) fn counts(
        &self,
        key: &str,
        default: &[usize],
        min: u64,
    ) -> Result<Vec<usize>, DptError> {
        match self.get(key) {
            None => Ok(default.to_vec()),
            Some(value) => value
                .as_array()
                .ok_or_else(|| wrong(key, "is no list"))?
                .iter()
                .map(|value| count(key, value, min, MAX_WIDTH))
                .collect(),
        }
    }

    /// A side, or height and width.
    pub(super) fn pair(&self, key: &str, default: usize) -> Result<(usize, usize), DptError> {
        match self.get(key) {
            Some(Json::Array(_)) => match self.counts(key, &[], 1)?.as_slice() {
                &[height, width] => Ok((height, width)),
                _ => Err(wrong(key, "is no pair of numbers")),
            },
            _ => self.count(key, default, MAX_WIDTH).map(|side| (side, side)),
        }
    }
}

fn count(key: &str, value: &Json, min: u64, max: u64) -> Result<usize, DptError> {
    value
        .as_u64()
        .filter(|value| (min..=max).contains(value))
        .and_then(|value| usize::try_from(value).ok())
        .ok_or_else(|| wrong(key, format!("is {value}, not a number from {min} to {max}")))
}
