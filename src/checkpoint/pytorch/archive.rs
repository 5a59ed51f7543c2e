// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The zip form: `NAME/data.pkl` and one stored entry `NAME/data/KEY` a storage.

use super::pickle::{self, Pickle};
use super::{PyTorchError, Storages};
use std::io::Cursor;

pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, Storages), PyTorchError> {
    // PyTorch writes nothing before the archive. Looking for its start, `zip` 9.8.2 misses it in some
    // honest files.
    let config = zip::read::Config {
        archive_offset: zip::read::ArchiveOffset::Known(0),
    };
    let mut archive = zip::ZipArchive::with_config(config, Cursor::new(bytes))?;
    let mut pickle = None;
    let mut storages = Storages::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let name = entry.name()?.into_owned();
        // The first folder is the archive's own name; names are only compared, never opened.
        let Some((_, inner)) = name.split_once('/') else {
            continue;
        };
        let is_storage = inner.starts_with("data/");
        match inner {
            "constants.pkl" => return Err(PyTorchError::TorchScript),
            "data.pkl" | "byteorder" => {}
            _ if is_storage => {}
            _ => continue,
        }
        if entry.compression() != zip::CompressionMethod::Stored {
            return Err(PyTorchError::Compressed(name));
        }
        let range = entry
            .data_start()
            .and_then(|start| usize::try_from(start).ok())
            .zip(usize::try_from(entry.compressed_size()).ok())
            .and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let Some(range) = range.filter(|range| range.end <= bytes.len()) else {
            return Err(PyTorchError::Storage {
                key: name,
                reason: "reaches beyond the end of the file".into(),
            });
        };
        match inner {
            "data.pkl" => pickle = Some(pickle::read(&bytes[range])?),
            "byteorder" if &bytes[range.clone()] != b"little" => {
                return Err(PyTorchError::BigEndian);
            }
            "byteorder" => {}
            _ => {
                storages.insert(inner["data/".len()..].to_string(), range);
            }
        }
    }
    refuse_overlaps(&storages)?;
    let pickle = pickle.ok_or(PyTorchError::Form("it has no data.pkl"))?;
    Ok((pickle, storages))
}

/// Entries of an honest archive do not share bytes.
fn refuse_overlaps(storages: &Storages) -> Result<(), PyTorchError> {
    let mut ranges: Vec<_> = storages
        .iter()
        .filter(|(_, range)| !range.is_empty())
        .collect();
    ranges.sort_by_key(|(_, range)| range.start);
    match ranges
        .windows(2)
        .find(|pair| pair[1].1.start < pair[0].1.end)
    {
        None => Ok(()),
        Some(pair) => Err(PyTorchError::Storage {
            key: pair[1].0.clone(),
            reason: format!("overlaps storage {:?}", pair[0].0),
        }),
    }
}
