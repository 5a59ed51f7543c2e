// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What has arrived of a file: `NAME.part`, and beside it what identifies the server's version.

use super::DownloadError;
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// From where to go on, and the version that this holds for.
pub(super) struct Resume {
    pub(super) from: u64,
    /// An ETag or a date for `If-Range`.
    pub(super) validator: Option<String>,
}

/// The file that grows until it is whole. Locked, so that two processes do not mix their bytes.
pub(super) struct Part {
    path: PathBuf,
    version: PathBuf,
    file: File,
    len: u64,
}

impl Part {
    pub(super) fn open(target: &Path) -> Result<Self, DownloadError> {
        let path = with_suffix(target, ".part");
        let error = |source| DownloadError::disk(&path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DownloadError::InUse { path }),
            // A file system without locks.
            Err(TryLockError::Error(_)) => {}
        }
        let len = file.seek(SeekFrom::End(0)).map_err(error)?;
        Ok(Self {
            version: with_suffix(target, ".part.version"),
            path,
            file,
            len,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// From where to go on. None if there is nothing, or nothing that would tell a changed file
    /// from the one that was begun.
    pub(super) fn resumable(&self, hash_is_known: bool) -> Option<Resume> {
        let validator = fs::read_to_string(&self.version)
            .ok()
            .filter(|text| !text.is_empty() && text.len() < 1024 && !text.contains(['\r', '\n']));
        (self.len > 0 && (validator.is_some() || hash_is_known)).then_some(Resume {
            from: self.len,
            validator,
        })
    }

    /// Keeps what identifies the version whose bytes come now.
    pub(super) fn remember(&self, validator: Option<String>) -> Result<(), DownloadError> {
        match validator {
            Some(text) => fs::write(&self.version, text),
            None => fs::write(&self.version, ""),
        }
        .map_err(|source| DownloadError::disk(&self.version, source))
    }

    pub(super) fn clear(&mut self) -> Result<(), DownloadError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(|source| DownloadError::disk(&self.path, source))?;
        self.len = 0;
        Ok(())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.file
            .write_all(bytes)
            .map_err(|source| DownloadError::disk(&self.path, source))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), DownloadError> {
        self.file
            .sync_all()
            .map_err(|source| DownloadError::disk(&self.path, source))
    }

    /// The SHA-256 of what is on the disk.
    pub(super) fn sha256(&mut self) -> Result<String, DownloadError> {
        let hashed = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| sha256(&mut self.file));
        hashed.map_err(|source| DownloadError::disk(&self.path, source))
    }

    /// The beginning of the file, `limit` bytes at most.
    pub(super) fn start(&mut self, limit: u64) -> Result<Vec<u8>, DownloadError> {
        let mut bytes = Vec::new();
        let read = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&mut self.file).take(limit).read_to_end(&mut bytes));
        read.map_err(|source| DownloadError::disk(&self.path, source))?;
        Ok(bytes)
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self, target: &Path) -> Result<u64, DownloadError> {
        self.flush()?;
        let renamed = fs::rename(&self.path, target).and_then(|()| {
            let folder = target
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
        renamed.map_err(|source| DownloadError::disk(target, source))?;
        fs::remove_file(&self.version).ok();
        Ok(self.len)
    }

    /// Deletes what is of no use.
    pub(super) fn discard(self) {
        fs::remove_file(&self.path).ok();
        fs::remove_file(&self.version).ok();
    }
}

/// The SHA-256 of everything that `reader` gives, in hex digits.
pub(crate) fn sha256(reader: &mut impl io::Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = reader.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hasher.update(&chunk[..count]);
    }
    let digits = |byte: &u8| format!("{byte:02x}");
    Ok(hasher.finalize().iter().map(digits).collect())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
