// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a file was not fetched. The cause first, then what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error("the address cannot be used ({reason}): {url}")]
    Address { url: String, reason: &'static str },
    #[error(
        "the server cannot be reached ({reason}); check the network, and HTTPS_PROXY if it needs a proxy: {url}"
    )]
    Unreachable { url: String, reason: String },
    #[error(
        "the server's certificate is not trusted ({reason}); install ca-certificates, or name the certificates in SSL_CERT_FILE: {url}"
    )]
    Certificate { url: String, reason: String },
    #[error("the server did not answer in time; check the network: {url}")]
    Silent { url: String },
    #[error("{reason} after {have} of {} bytes", size.map_or("an unknown number of".into(), |size| size.to_string()))]
    Cut {
        reason: String,
        have: u64,
        size: Option<u64>,
    },
    #[error("the server is overloaded or broken (HTTP {status}); try again later: {url}")]
    Busy {
        url: String,
        status: u16,
        retry_after: Option<Duration>,
    },
    #[error(
        "the server refuses the file (HTTP {status}): the model may need an account and its terms accepted; accept them on the model's page, make a token at https://huggingface.co/settings/tokens and put it into HF_TOKEN: {url}"
    )]
    Refused { url: String, status: u16 },
    #[error(
        "the server refuses the token in HF_TOKEN for this file (HTTP {status}); accept the terms on the model's page with the account that the token belongs to, or unset HF_TOKEN: {url}"
    )]
    TokenRefused { url: String, status: u16 },
    #[error(
        "the server does not have the file (HTTP {status}); its publishers may have moved it: look at the model's page, and at the mirror if --base-url or HF_ENDPOINT names one: {url}"
    )]
    Missing { url: String, status: u16 },
    #[error("the server answers HTTP {status}: {url}")]
    Status { url: String, status: u16 },
    #[error(
        "the server sent a web page instead of the file; a login page of a network or a proxy is the usual cause"
    )]
    WebPage,
    #[error(
        "the server sent a Git LFS pointer instead of the file itself; a mirror made without `git lfs pull` is the usual cause"
    )]
    LfsPointer,
    #[error("what came is not JSON ({reason})")]
    NotJson { reason: String },
    #[error(
        "the server announces {announced} bytes, but the file has {known}; it is another version of the file or another file"
    )]
    OtherSize { announced: u64, known: u64 },
    #[error(
        "the server sends more than {limit} bytes; it is another version of the file or another file"
    )]
    TooLarge { limit: u64 },
    #[error(
        "the file is not the one that was published: its SHA-256 is {found}, {whence} says {expected}; it was deleted"
    )]
    OtherHash {
        found: String,
        expected: String,
        whence: &'static str,
    },
    #[error(
        "the hub has another version of the file: its SHA-256 is {hub}, known is {known}; nothing was downloaded, a newer dpt-onnx may know it"
    )]
    OtherVersion { hub: String, known: String },
    #[error("the server changes its answer at every try; try again later")]
    Inconsistent,
    #[error("the disk is full; free some space, or choose another disk with --output or DPTDEPTH_MODELS: {}", path.display())]
    DiskFull { path: PathBuf },
    #[error("another dpt-onnx is fetching this file; wait for it: {}", path.display())]
    InUse { path: PathBuf },
    #[error("the file cannot be written ({source}); choose another folder with --output or DPTDEPTH_MODELS: {}", path.display())]
    Disk { path: PathBuf, source: io::Error },
    #[error("{error}; {}{}run the same command to go on", tried(*tries), kept(*have))]
    GaveUp {
        error: Box<DownloadError>,
        tries: u32,
        have: u64,
    },
}

fn kept(have: u64) -> String {
    match have {
        0 => String::new(),
        have => format!("the {have} bytes that arrived are kept; "),
    }
}

fn tried(tries: u32) -> String {
    match tries {
        1 => String::new(),
        tries => format!("tried {tries} times; "),
    }
}

impl DownloadError {
    /// A connection that broke while the body came.
    pub(super) fn cut(error: &io::Error, have: u64, size: Option<u64>) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        let timeout = matches!(inner, Some(ureq::Error::Timeout(_)));
        let reason = match timeout {
            true => "the server stopped sending".into(),
            false => format!("the connection broke ({error})"),
        };
        Self::Cut { reason, have, size }
    }

    /// What the system says about a file of ours.
    pub(super) fn disk(path: &Path, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Disk { path, source },
        }
    }

    /// Whether another try may go better.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Cut { .. } | Self::Busy { .. }
        )
    }

    /// How long the server asked to wait.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The same error as the end of several tries.
    pub(super) fn after(self, tries: u32, have: u64) -> Self {
        if self.is_transient() {
            Self::GaveUp {
                error: Box::new(self),
                tries,
                have,
            }
        } else {
            self
        }
    }
}
