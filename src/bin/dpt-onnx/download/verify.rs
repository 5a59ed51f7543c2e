// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a file must be, and what servers send instead of it.

use super::http::Reply;
use super::part::Part;
use super::{DownloadError, MAX_BYTES, Wanted};
use std::path::Path;

/// What is known of the file before it has arrived.
pub(super) struct Expected {
    /// Its size.
    pub(super) size: Option<u64>,
    /// Its SHA-256 or the first digits of it, and who says so.
    sha256: Option<(String, &'static str)>,
}

impl Expected {
    /// Joins what the catalogue knows with what the server says; they must not contradict.
    pub(super) fn new(wanted: &Wanted<'_>, reply: &Reply) -> Result<Self, DownloadError> {
        let announced = reply.total();
        for known in [wanted.size, reply.linked_size].into_iter().flatten() {
            match announced {
                Some(announced) if announced != known => {
                    return Err(DownloadError::OtherSize { announced, known });
                }
                _ => {}
            }
        }
        if let Some((known, _)) = wanted.sha256
            && let Some(hub) = &reply.linked_sha256
            && !hub.starts_with(known)
        {
            return Err(DownloadError::OtherVersion {
                hub: hub.clone(),
                known: known.into(),
            });
        }
        let table = wanted
            .sha256
            .map(|(digits, whence)| (digits.to_string(), whence));
        let hub = || Some((reply.linked_sha256.clone()?, "the hub"));
        Ok(Self {
            size: wanted.size.or(reply.linked_size).or(announced),
            // The hub knows all digits, a file's name the first eight.
            sha256: match table {
                Some((digits, _)) if digits.len() < 64 && reply.linked_sha256.is_some() => hub(),
                None => hub(),
                table => table,
            },
        })
    }

    /// Compares; says what with.
    pub(super) fn check(&self, bytes: u64, sha256: &str) -> Result<&'static str, DownloadError> {
        if let Some(known) = self.size
            && known != bytes
        {
            return Err(DownloadError::OtherSize {
                announced: bytes,
                known,
            });
        }
        match &self.sha256 {
            Some((digits, whence)) if sha256.starts_with(digits.as_str()) => Ok(whence),
            Some((digits, whence)) => Err(DownloadError::OtherHash {
                found: sha256.into(),
                expected: digits.clone(),
                whence,
            }),
            None if self.size.is_some() => Ok("the size the server announced"),
            None => Ok("nothing"),
        }
    }
}

/// What kind of file is expected under a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Json,
    Weights,
}

impl Content {
    pub(super) fn of(target: &Path) -> Self {
        match target.extension() {
            Some(extension) if extension == "json" => Self::Json,
            _ => Self::Weights,
        }
    }

    /// The most bytes to take where no size is known.
    pub(super) fn limit(self) -> u64 {
        match self {
            Self::Json => 4 << 20,
            Self::Weights => MAX_BYTES,
        }
    }

    pub(super) fn check_type(self, content_type: &str) -> Result<(), DownloadError> {
        match content_type.starts_with("text/html") {
            true => Err(DownloadError::WebPage),
            false => Ok(()),
        }
    }

    /// Looks at the first bytes that arrive.
    pub(super) fn check_start(self, bytes: &[u8]) -> Result<(), DownloadError> {
        let text = bytes.trim_ascii_start();
        if text.starts_with(b"version https://git-lfs") {
            return Err(DownloadError::LfsPointer);
        }
        let page = text.first() == Some(&b'<');
        match (page, self) {
            (true, _) => Err(DownloadError::WebPage),
            (false, Self::Json) if text.first().is_some_and(|first| *first != b'{') => {
                Err(DownloadError::NotJson {
                    reason: "it does not begin with {".into(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Looks at a file that is complete.
    pub(super) fn check_whole(self, part: &mut Part) -> Result<(), DownloadError> {
        match self {
            Self::Weights => self.check_start(&part.start(64)?),
            Self::Json => serde_json::from_slice::<serde_json::Value>(&part.start(self.limit())?)
                .map(drop)
                .map_err(|error| DownloadError::NotJson {
                    reason: error.to_string(),
                }),
        }
    }
}
