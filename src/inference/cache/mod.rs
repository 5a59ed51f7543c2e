// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The folder for what is costly to make again: built graphs, compiled networks.
//!
//! `KIND/NAME/` is one [`entry`]. Nothing but entries is ever removed, so that a folder which holds
//! other things too is safe.

mod entry;
mod key;

pub(crate) use entry::{Draft, Entry, Slot};
pub use key::Key;

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::execution_provider::ExecutionProvider;

/// The environment variable with the size that the cache may have, in MiB.
pub const SIZE_VARIABLE: &str = "DPTDEPTH_CACHE_SIZE";
const DEFAULT_MIB: u64 = 8 << 10;

/// Why the cache folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Neither `XDG_CACHE_HOME` nor `HOME` says where caches are.
    #[error(
        "there is no place for the cache: neither XDG_CACHE_HOME nor HOME is an absolute path; name \
         a folder in cache-dir, or set it to the empty text for no cache"
    )]
    NoHome,
    /// The folder cannot be made or written to.
    #[error(
        "the cache folder {} cannot be written to: {cause}; name another folder in cache-dir, or set \
         it to the empty text for no cache", folder.display()
    )]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The folder can be read, but not written to.
    #[error(
        "the cache folder {} cannot be written to: {cause}; what it holds is used, and nothing is added; \
         to keep more, name another folder in cache-dir", folder.display()
    )]
    ReadOnly {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The variable for the size holds something else.
    #[error("{SIZE_VARIABLE} is {text:?}, which is no size; give a number of MiB such as 8192")]
    Size {
        /// What it holds.
        text: String,
    },
}

/// What an entry is made for; each has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A graph with its weights.
    Graph,
    /// A network that a provider has compiled.
    Compiled(ExecutionProvider),
}

impl Kind {
    fn all() -> impl Iterator<Item = Self> {
        let compiled = ExecutionProvider::ALL.into_iter().map(Self::Compiled);
        std::iter::once(Self::Graph).chain(compiled)
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Graph => "graphs",
            Self::Compiled(provider) => provider.name(),
        }
    }
}

/// A cache folder, or none.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    place: Option<Arc<Place>>,
}

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    /// In bytes.
    limit: u64,
    /// Why nothing can be added.
    read_only: Option<CacheError>,
}

/// What is known of an entry without opening it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its folder.
    pub folder: PathBuf,
    /// `graphs`, or the provider that it was compiled for.
    pub kind: &'static str,
    /// The model's name; empty if it is incomplete.
    pub model: String,
    /// The network's size; empty if it is incomplete.
    pub size: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// When it was last opened.
    pub used: SystemTime,
    /// Whether it is whole: its files are there and of the sizes that were written.
    pub complete: bool,
}

impl Listed {
    /// Whether somebody has it open or makes it.
    pub fn is_in_use(&self) -> bool {
        entry::is_in_use(&self.folder)
    }

    /// Removes it unless it is in use; how many bytes that freed.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self) -> io::Result<Option<u64>> {
        entry::remove(&self.folder)
    }
}

impl Cache {
    /// The cache in `dir`; the user's cache folder when absent, no cache at all when empty. A folder
    /// that can only be read is used so: [`Self::trouble`].
    ///
    /// # Errors
    /// [`CacheError`] if the folder can neither be made nor read, or [`SIZE_VARIABLE`] is no size.
    pub fn open(dir: Option<&str>) -> Result<Self, CacheError> {
        let Some(folder) = folder(dir)? else {
            return Ok(Self::none());
        };
        let limit = limit(env::var(SIZE_VARIABLE).ok())?;
        let read_only = match create(&folder).and_then(|()| probe(&folder)) {
            Ok(()) => None,
            Err(cause) if fs::read_dir(&folder).is_ok() => Some(CacheError::ReadOnly {
                folder: folder.clone(),
                cause,
            }),
            Err(cause) => return Err(CacheError::Unwritable { folder, cause }),
        };
        Ok(Self {
            place: Some(Arc::new(Place {
                folder,
                limit,
                read_only,
            })),
        })
    }

    /// As [`Self::open`], to see or clear what is there: makes no folder.
    ///
    /// # Errors
    /// If no place for a cache is known, or [`SIZE_VARIABLE`] is no size.
    pub fn existing(dir: Option<&str>) -> Result<Self, CacheError> {
        let limit = limit(env::var(SIZE_VARIABLE).ok())?;
        let place = folder(dir)?.map(|folder| Place {
            folder,
            limit,
            read_only: None,
        });
        Ok(Self {
            place: place.map(Arc::new),
        })
    }

    /// No cache: nothing is kept.
    pub const fn none() -> Self {
        Self { place: None }
    }

    /// The folder, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        Some(&self.place.as_ref()?.folder)
    }

    /// The bytes that the entries may take.
    pub fn limit(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.limit)
    }

    /// Why nothing can be added to the cache, if that is so.
    pub fn trouble(&self) -> Option<&CacheError> {
        self.place.as_ref()?.read_only.as_ref()
    }

    /// All entries, also incomplete ones, the last used first.
    pub fn list(&self) -> Vec<Listed> {
        self.place
            .as_ref()
            .map_or_else(Vec::new, |place| place.list())
    }

    /// The entry of this kind and key, or the right to make it. Waits while another process, or
    /// another element, is making it.
    pub(crate) fn claim(&self, kind: Kind, key: &Key) -> Slot {
        let Some(place) = self.place.as_ref().filter(|_| !key.facts.is_empty()) else {
            return Slot::Unkept(None);
        };
        let folder = place.entry(kind, key);
        if place.read_only.is_some() {
            return Entry::read_only(&folder, key).map_or(Slot::Unkept(None), Slot::Ready);
        }
        entry::claim(place, &folder, key).unwrap_or_else(|cause| {
            let folder = place.folder.clone();
            Slot::Unkept(Some(CacheError::Unwritable { folder, cause }))
        })
    }

    /// Whether there is a complete entry of this kind and key.
    pub(crate) fn has(&self, kind: Kind, key: &Key) -> bool {
        let folder = self.place.as_ref().map(|place| place.entry(kind, key));
        folder.is_some_and(|folder| entry::is_whole(&folder, key))
    }
}

impl Place {
    fn entry(&self, kind: Kind, key: &Key) -> PathBuf {
        self.folder.join(kind.folder()).join(key.file_name())
    }

    fn list(&self) -> Vec<Listed> {
        let mut entries = Vec::new();
        for kind in Kind::all() {
            let folders = fs::read_dir(self.folder.join(kind.folder()));
            for folder in folders.into_iter().flatten().flatten() {
                entries.extend(listed(folder.path(), kind));
            }
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
        entries
    }

    /// Removes what was used least lately until the rest is within the limit; keeps the entry in
    /// `made` and those in use.
    fn shrink(&self, made: &Path) {
        let mut entries = self.list();
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        while let Some(oldest) = entries.pop() {
            // What a broken build has left is of no use to anybody.
            if (total > self.limit || !oldest.complete)
                && oldest.folder != made
                && let Ok(Some(freed)) = oldest.remove()
            {
                total = total.saturating_sub(freed);
            }
        }
    }
}

/// The entry in a folder, if that is one of ours.
fn listed(folder: PathBuf, kind: Kind) -> Option<Listed> {
    let time = |name| folder.join(name).metadata().and_then(|it| it.modified());
    let used = time(entry::LOCK).or_else(|_| time(entry::MARKER)).ok()?;
    let marker = entry::Marker::read(&folder);
    let complete = marker.as_ref().is_some_and(|marker| marker.fits(&folder));
    let (model, size) = marker.map_or_else(Default::default, |it| (it.model, it.size));
    Some(Listed {
        kind: kind.folder(),
        model,
        size,
        bytes: entry::bytes(&folder),
        used,
        complete,
        folder,
    })
}

/// Where the cache is; nowhere if `dir` is empty.
fn folder(dir: Option<&str>) -> Result<Option<PathBuf>, CacheError> {
    match dir {
        Some("") => Ok(None),
        Some(dir) => std::path::absolute(dir)
            .map(Some)
            .map_err(|cause| CacheError::Unwritable {
                folder: dir.into(),
                cause,
            }),
        None => user_folder().map(Some).ok_or(CacheError::NoHome),
    }
}

fn limit(mib: Option<String>) -> Result<u64, CacheError> {
    let mib = match mib {
        None => DEFAULT_MIB,
        Some(text) if text.is_empty() => DEFAULT_MIB,
        Some(text) => text.parse().map_err(|_| CacheError::Size { text })?,
    };
    Ok(mib.saturating_mul(1 << 20))
}

fn user_folder() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("gst-dptdepth"))
}

fn create(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

fn probe(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(
        ".probe-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::write(&file, b"")?;
    fs::remove_file(&file)
}

#[cfg(test)]
mod tests;
