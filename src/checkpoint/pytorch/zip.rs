// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The entries of a zip archive as PyTorch writes it: with the directory at the very end, where
//! needed with the 64-bit fields of "zip64".
//!
//! Field names and sizes are those of PKWARE's APPNOTE 6.3. A general reader looks for directories
//! that are damaged or somewhere else; from a stranger's file, one directory is enough.

use super::PyTorchError;
use std::ops::Range;

/// The largest published checkpoints have some thousand entries.
const MAX_ENTRIES: u64 = 100_000;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const END_64_BYTES: usize = 56;
const LOCATOR_64_BYTES: usize = 20;
/// Stands for "see the extra field".
const SEE_EXTRA: u64 = 0xffff_ffff;
const EXTRA_ZIP64: u64 = 1;

/// One file of the archive.
pub(super) struct Entry<'b> {
    pub(super) name: &'b str,
    /// Where its bytes lie.
    pub(super) range: Range<usize>,
    /// Whether they are the file's, neither compressed nor encrypted.
    pub(super) is_stored: bool,
}

type Result<T> = std::result::Result<T, PyTorchError>;

const CUT_OFF: PyTorchError = PyTorchError::Zip("it is cut off, or something follows its end");
const DAMAGED: PyTorchError = PyTorchError::Zip("its directory is damaged");

/// All entries, in the directory's order.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<Entry<'_>>> {
    let directory = Directory::find(bytes)?;
    let mut rest = &bytes[directory.range.clone()];
    let mut entries = Vec::new();
    for _ in 0..directory.count {
        let header = record(rest, 0, CENTRAL, CENTRAL_BYTES).ok_or(DAMAGED)?;
        let lengths = [28, 30, 32].map(|at| number(header, at, 2) as usize);
        let [name, extra, comment] = lengths;
        let after = CENTRAL_BYTES + name + extra + comment;
        let variable = rest.get(CENTRAL_BYTES..after).ok_or(DAMAGED)?;
        rest = &rest[after..];
        let entry = entry(
            &bytes[..directory.range.start],
            header,
            &variable[..name],
            &variable[name..name + extra],
        )?;
        entries.push(entry);
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(DAMAGED)
    }
}

struct Directory {
    count: u64,
    range: Range<usize>,
}

impl Directory {
    fn find(bytes: &[u8]) -> Result<Self> {
        let end = bytes.len().checked_sub(END_BYTES).ok_or(CUT_OFF)?;
        let record_32 = record(bytes, end, END, END_BYTES).ok_or(CUT_OFF)?;
        let locator = end
            .checked_sub(LOCATOR_64_BYTES)
            .and_then(|at| Some((at, record(bytes, at, LOCATOR_64, LOCATOR_64_BYTES)?)));
        let (before, count, size, start) = match locator {
            None => (
                end,
                number(record_32, 10, 2),
                number(record_32, 12, 4),
                number(record_32, 16, 4),
            ),
            Some((locator_at, locator)) => {
                let at = usize::try_from(number(locator, 8, 8)).map_err(|_| DAMAGED)?;
                let record = record(&bytes[..locator_at], at, END_64, END_64_BYTES);
                let record = record.ok_or(DAMAGED)?;
                (
                    at,
                    number(record, 32, 8),
                    number(record, 40, 8),
                    number(record, 48, 8),
                )
            }
        };
        if count > MAX_ENTRIES {
            return Err(PyTorchError::Zip("it has more entries than any checkpoint"));
        }
        match range(start, size) {
            Some(range) if range.end <= before => Ok(Self { count, range }),
            _ => Err(DAMAGED),
        }
    }
}

/// Reads a central header and finds the bytes in `before`, the part ahead of the directory.
fn entry<'b>(before: &[u8], header: &[u8], name: &'b [u8], extra: &[u8]) -> Result<Entry<'b>> {
    let name = std::str::from_utf8(name).map_err(|_| PyTorchError::Zip("a name is no text"))?;
    let mut sizes = [(24, 4), (20, 4), (42, 4)].map(|(at, width)| number(header, at, width));
    let mut wide = zip64(extra);
    for size in &mut sizes {
        if *size == SEE_EXTRA {
            *size = number(wide.split_off(..8).ok_or(DAMAGED)?, 0, 8);
        }
    }
    let [size, stored_size, local_at] = sizes;
    let (flags, method) = (number(header, 8, 2), number(header, 10, 2));
    let is_stored = method == 0 && flags & 1 == 0 && size == stored_size;
    let local_at = usize::try_from(local_at).map_err(|_| DAMAGED)?;
    let local = record(before, local_at, LOCAL, LOCAL_BYTES).ok_or(DAMAGED)?;
    let (name_length, extra_length) = (number(local, 26, 2), number(local, 28, 2));
    let name_at = local_at + LOCAL_BYTES;
    if before.get(name_at..name_at + name_length as usize) != Some(name.as_bytes()) {
        return Err(PyTorchError::Zip("an entry has two names"));
    }
    match range(name_at as u64 + name_length + extra_length, stored_size) {
        Some(range) if range.end <= before.len() => Ok(Entry {
            name,
            range,
            is_stored,
        }),
        _ => Err(PyTorchError::Storage {
            key: name.into(),
            reason: "reaches beyond the end of the file".into(),
        }),
    }
}

/// The numbers of the zip64 field, or nothing where there is none.
fn zip64(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let (id, length) = (number(extra, 0, 2), number(extra, 2, 2) as usize);
        let Some(field) = extra.get(4..4 + length) else {
            break;
        };
        if id == EXTRA_ZIP64 {
            return field;
        }
        extra = &extra[4 + length..];
    }
    &[]
}

/// The fixed part of a record with this signature.
fn record(bytes: &[u8], at: usize, signature: [u8; 4], length: usize) -> Option<&[u8]> {
    let record = bytes.get(at..at.checked_add(length)?)?;
    record.starts_with(&signature).then_some(record)
}

/// A little-endian number inside a record.
fn number(record: &[u8], at: usize, width: usize) -> u64 {
    let bytes = record[at..at + width].iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn range(start: u64, length: u64) -> Option<Range<usize>> {
    let end = usize::try_from(start.checked_add(length)?).ok()?;
    Some(usize::try_from(start).ok()?..end)
}
