// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One published checkpoint.

use serde::Serialize;

/// One published checkpoint: where it is, what its terms are and what it gives.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Entry {
    /// What a user types: lower case, words joined by hyphens.
    pub name: &'static str,
    /// The model's name in its authors' words.
    pub title: &'static str,
    /// Where its files are published.
    pub source: Source,
    /// The files, weights last.
    pub files: &'static [File],
    /// The licence of the weights, as an SPDX expression or in words.
    pub licence: &'static str,
    /// Whether that licence, or the one of the weights this model was made from, forbids
    /// commercial use.
    pub non_commercial: bool,
    /// How many parameters, in words.
    pub parameters: &'static str,
    /// The network's input in pixels, in words.
    pub input: &'static str,
    /// What the values mean: `inverse-relative`, `relative`, `metric …` or `… classes`.
    pub output: &'static str,
    /// The `model-variant` that says what the files alone cannot.
    pub variant: Option<&'static str>,
}

/// Where an entry's files are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A repository on huggingface.co.
    HuggingFace {
        /// Owner and name.
        repo: &'static str,
        /// A branch, or a commit where its files are known.
        revision: &'static str,
    },
    /// A folder on another server.
    Url {
        /// Its address without a slash at the end.
        base: &'static str,
        /// The page that tells of the files.
        page: &'static str,
    },
}

/// A file of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// The path below the source.
    pub path: &'static str,
    /// The size in bytes, where it is known.
    pub size: Option<u64>,
    /// The SHA-256 in lower-case hex digits, where it is known.
    pub sha256: Option<&'static str>,
}

impl Source {
    /// The address of a file; `host` replaces the scheme and host of the source.
    pub fn url(&self, path: &str, host: Option<&str>) -> String {
        match self {
            Self::HuggingFace { repo, revision } => {
                let host = host
                    .unwrap_or("https://huggingface.co")
                    .trim_end_matches('/');
                format!("{host}/{repo}/resolve/{revision}/{path}")
            }
            Self::Url { base, .. } => match host {
                None => format!("{base}/{path}"),
                Some(host) => {
                    let folder = base.splitn(4, '/').nth(3).unwrap_or_default();
                    format!("{}/{folder}/{path}", host.trim_end_matches('/'))
                }
            },
        }
    }

    /// The page that people look at.
    pub fn page(&self) -> String {
        match self {
            Self::HuggingFace { repo, .. } => format!("https://huggingface.co/{repo}"),
            Self::Url { page, .. } => (*page).into(),
        }
    }
}

impl File {
    /// A file of which no more than its place is known.
    pub(super) const fn new(path: &'static str) -> Self {
        Self {
            path,
            size: None,
            sha256: None,
        }
    }

    /// A file whose bytes are known.
    pub(super) const fn known(path: &'static str, size: u64, sha256: &'static str) -> Self {
        Self {
            path,
            size: Some(size),
            sha256: Some(sha256),
        }
    }

    /// Its name on this machine: the last part of its path.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// The first hex digits of the SHA-256 that the authors put into the file's name, as
    /// PyTorch's hub does: `dpt_large-midas-2f21e586.pt`.
    pub fn sha256_prefix(&self) -> Option<&'static str> {
        let (stem, extension) = self.name().rsplit_once('.')?;
        let (_, digits) = stem.rsplit_once('-')?;
        let hex = digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (matches!(extension, "pt" | "pth") && digits.len() == 8 && hex).then_some(digits)
    }
}
