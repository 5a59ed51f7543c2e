// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What has been fetched: written last, so that a folder with a manifest is complete.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// What `dpt-onnx fetch` brought into a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The catalogue's name.
    pub name: String,
    /// The page it came from.
    pub source: String,
    /// The licence as the catalogue had it.
    pub licence: String,
    /// The files.
    pub files: Vec<FetchedFile>,
}

/// A file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFile {
    /// Its name in the folder.
    pub name: String,
    /// The address it was asked for at.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hex digits.
    pub sha256: String,
    /// What that was compared with, in words.
    pub checked_against: String,
}

impl Manifest {
    /// The manifest's name in the folder.
    pub const FILE_NAME: &'static str = "fetched.json";
    const MAX_BYTES: u64 = 1 << 20;

    /// The manifest of a folder, if there is a readable one.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(Self::FILE_NAME);
        let size = fs::metadata(&path).ok()?.len();
        let text = (size <= Self::MAX_BYTES).then(|| fs::read_to_string(&path).ok())??;
        serde_json::from_str(&text).ok()
    }

    /// Writes the manifest; it is there whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(Self::FILE_NAME);
        let part = folder.join(format!("{}.part", Self::FILE_NAME));
        let mut file = fs::File::create(&part)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        fs::File::open(folder)?.sync_all()
    }
}
