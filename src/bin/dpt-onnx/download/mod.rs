// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One file from an HTTP server to the disk: resumed where an earlier try ended, tried again when
//! the connection breaks, checked, and given its name only when it is whole.

mod error;
mod http;
mod part;
mod progress;
mod verify;

pub(crate) use error::DownloadError;
pub(crate) use http::{Client, Patience};
pub(crate) use part::sha256;
pub(crate) use progress::bytes;

use http::Reply;
use part::Part;
use progress::Progress;
use std::io::Read as _;
use std::path::Path;
use std::thread;
use verify::{Content, Expected};

/// The largest file that is taken from a server that names no size.
const MAX_BYTES: u64 = 16 << 30;
/// Bytes that make a broken connection worth another full round of tries.
const PROGRESS_BYTES: u64 = 1 << 20;
const CHUNK_BYTES: usize = 256 << 10;

/// What is to be fetched.
pub(crate) struct Wanted<'a> {
    /// The address.
    pub(crate) url: &'a str,
    /// Where it goes; a `.part` beside it holds what has arrived.
    pub(crate) target: &'a Path,
    /// Its size, where it is known.
    pub(crate) size: Option<u64>,
    /// Its SHA-256 or the first digits of it, where known, and whence.
    pub(crate) sha256: Option<(&'a str, &'static str)>,
}

/// A file that is in its place.
pub(crate) struct Fetched {
    /// Its size.
    pub(crate) bytes: u64,
    /// Its SHA-256.
    pub(crate) sha256: String,
    /// What it was compared with.
    pub(crate) checked_against: &'static str,
}

/// How one try ended that was not a failure.
enum Outcome {
    /// All bytes are there.
    Whole(Expected),
    /// What had arrived earlier belongs to another version of the file.
    StartAnew,
}

/// Fetches one file.
///
/// # Errors
/// [`DownloadError`]; the target is then untouched, and what has arrived stays in `.part` unless
/// it is of no use.
pub(crate) fn fetch(client: &Client, wanted: &Wanted<'_>) -> Result<Fetched, DownloadError> {
    let mut part = Part::open(wanted.target)?;
    let progress = Progress::new(wanted.target, wanted.size);
    let content = Content::of(wanted.target);
    let (mut failures, mut distrusted) = (0, false);
    loop {
        let before = part.len();
        let error = match attempt(client, wanted, &mut part, &progress) {
            Ok(Outcome::StartAnew) => {
                part.clear()?;
                failures += 1;
                if failures > client.patience.retries {
                    return Err(DownloadError::Inconsistent);
                }
                continue;
            }
            Ok(Outcome::Whole(expected)) => {
                progress.checking();
                let sha256 = part.sha256()?;
                let checked = expected.check(part.len(), &sha256);
                match checked.and_then(|by| content.check_whole(&mut part).map(|()| by)) {
                    Ok(checked_against) => {
                        progress.finish();
                        let bytes = part.finish(wanted.target)?;
                        return Ok(Fetched {
                            bytes,
                            sha256,
                            checked_against,
                        });
                    }
                    // A resumed file may have had a damaged beginning.
                    Err(_) if before > 0 && !distrusted => {
                        distrusted = true;
                        part.clear()?;
                        continue;
                    }
                    Err(error) => {
                        part.discard();
                        return Err(error);
                    }
                }
            }
            Err(error) => error,
        };
        if part.len() >= before + PROGRESS_BYTES {
            failures = 0;
        }
        failures += 1;
        if !error.is_transient() || failures > client.patience.retries {
            if part.is_empty() {
                part.discard();
                return Err(error.after(failures, 0));
            }
            return Err(error.after(failures, part.len()));
        }
        let wait = error
            .wait()
            .unwrap_or(client.patience.wait * (1 << (failures - 1).min(6)));
        progress.note(&format!(
            "{error}; trying again in {:.1} s",
            wait.as_secs_f32()
        ));
        thread::sleep(wait);
    }
}

/// Asks once and writes what comes.
fn attempt(
    client: &Client,
    wanted: &Wanted<'_>,
    part: &mut Part,
    progress: &Progress,
) -> Result<Outcome, DownloadError> {
    let resume = part.resumable(wanted.sha256.is_some());
    if resume.is_none() {
        part.clear()?;
    }
    let have = part.len();
    let mut reply = client.get(wanted.url, resume.as_ref())?;
    let expected = Expected::new(wanted, &reply)?;
    match reply.status {
        206 if reply.range_start() == Some(have) => {}
        // The range that came is not the one that was asked for.
        206 => return Ok(Outcome::StartAnew),
        // All of it is here already, or the file has become shorter.
        416 if have > 0 && expected.size == Some(have) => return Ok(Outcome::Whole(expected)),
        416 if have > 0 => return Ok(Outcome::StartAnew),
        _ => {
            part.clear()?;
            part.remember(reply.validator())?;
        }
    }
    progress.start(part.len(), expected.size);
    receive(&mut reply, wanted, &expected, part, progress)?;
    Ok(Outcome::Whole(expected))
}

fn receive(
    reply: &mut Reply,
    wanted: &Wanted<'_>,
    expected: &Expected,
    part: &mut Part,
    progress: &Progress,
) -> Result<(), DownloadError> {
    let content = Content::of(wanted.target);
    if part.is_empty() {
        content.check_type(reply.content_type())?;
    }
    let limit = expected.size.unwrap_or(content.limit());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = match reply.body.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => {
                part.flush()?;
                return Err(DownloadError::cut(&error, part.len(), expected.size));
            }
        };
        if part.is_empty() {
            content.check_start(&chunk[..count])?;
        }
        if part.len() + count as u64 > limit {
            return Err(DownloadError::TooLarge { limit });
        }
        part.append(&chunk[..count])?;
        progress.advance(part.len());
    }
    part.flush()?;
    match expected.size {
        Some(size) if part.len() < size => Err(DownloadError::Cut {
            reason: "the connection ended early".into(),
            have: part.len(),
            size: Some(size),
        }),
        _ => Ok(()),
    }
}
