// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The zip form: `NAME/data.pkl` and one stored entry `NAME/data/KEY` a storage.

use super::object::Pickle;
use super::{PyTorchError, Storages, pickle, zip};
use std::ops::Range;

pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, Storages), PyTorchError> {
    let mut description = None;
    let mut storages = Storages::new();
    let entries = zip::entries(bytes)?;
    refuse_overlaps(&entries)?;
    for entry in entries {
        // The first folder is the archive's own name; names are only compared, never opened.
        let Some((_, inner)) = entry.name.split_once('/') else {
            continue;
        };
        if inner == "constants.pkl" {
            return Err(PyTorchError::TorchScript);
        }
        let key = inner.strip_prefix("data/");
        if key.is_none() && !["data.pkl", "byteorder"].contains(&inner) {
            continue;
        }
        if !entry.is_stored {
            return Err(PyTorchError::Compressed(entry.name.into()));
        }
        let before = match key {
            Some(key) => storages.insert(key.into(), entry.range),
            None if inner == "data.pkl" => description.replace(entry.range),
            None if &bytes[entry.range.clone()] == b"little" => None,
            None => return Err(PyTorchError::BigEndian),
        };
        if before.is_some() {
            return Err(PyTorchError::Storage {
                key: entry.name.into(),
                reason: "is there twice".into(),
            });
        }
    }
    let description = description.ok_or(PyTorchError::Form("it has no data.pkl"))?;
    Ok((pickle::read(&bytes[description])?, storages))
}

/// Entries of an honest archive do not share bytes.
fn refuse_overlaps(entries: &[zip::Entry]) -> Result<(), PyTorchError> {
    let mut ranges: Vec<(&Range<usize>, &str)> = entries
        .iter()
        .filter(|entry| !entry.range.is_empty())
        .map(|entry| (&entry.range, entry.name))
        .collect();
    ranges.sort_by_key(|(range, _)| range.start);
    let overlap = ranges
        .windows(2)
        .find(|pair| pair[1].0.start < pair[0].0.end);
    match overlap {
        None => Ok(()),
        Some(pair) => Err(PyTorchError::Storage {
            key: pair[1].1.into(),
            reason: format!("overlaps {:?}", pair[0].1),
        }),
    }
}
