// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One entry: a folder that counts from the moment its marker is there.
//!
//! The marker is written last, under another name first, and says how long every file is: a build
//! that was broken off, or a file that was cut, is no entry. Everybody who has an entry open holds a
//! shared lock on it, whoever builds or removes it an exclusive one. The system releases the locks
//! of a process that ends, however it ends.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use super::key::{Key, sha256};
use super::{CacheError, Place, create};

/// Says what the entry is and that it is complete.
pub(super) const MARKER: &str = "entry.json";
/// Its lock is the entry's, its time of change the entry's last use.
pub(super) const LOCK: &str = "dptdepth.lock";
/// Of the marker's format.
const FORMAT: u32 = 1;
/// Contents up to this size are checked whenever an entry is opened, larger ones by their size.
const CHECKED_UP_TO: u64 = 4 << 20;
/// How often an entry is asked for that is damaged and in use.
const ATTEMPTS: u32 = 40;

/// What the marker says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    format: u32,
    pub(super) model: String,
    pub(super) size: String,
    key: String,
    files: BTreeMap<String, Content>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Content {
    fn of(path: &Path) -> io::Result<Self> {
        let bytes = path.metadata()?.len();
        let sha256 = (bytes <= CHECKED_UP_TO)
            .then(|| fs::read(path).map(|content| sha256(&content)))
            .transpose()?;
        Ok(Self { bytes, sha256 })
    }
}

impl Marker {
    /// The marker of the entry in `folder`, if there is one.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(MARKER)).ok()?;
        let marker: Self = serde_json::from_slice(&text).ok()?;
        (marker.format == FORMAT).then_some(marker)
    }

    /// Whether the files are those that were written.
    pub(super) fn fits(&self, folder: &Path) -> bool {
        self.files.iter().all(|(name, content)| {
            Content::of(&folder.join(name)).is_ok_and(|found| found == *content)
        })
    }
}

/// Whether `folder` holds a complete entry with this key.
pub(super) fn is_whole(folder: &Path, key: &Key) -> bool {
    Marker::read(folder).is_some_and(|marker| marker.key == key.text() && marker.fits(folder))
}

/// What the cache has for a key.
#[derive(Debug)]
pub(crate) enum Slot {
    /// It is there.
    Ready(Entry),
    /// It is to be made now, by whoever holds this.
    Vacant(Draft),
    /// It is not there and cannot be kept; the reason is given if it is new.
    Unkept(Option<CacheError>),
}

/// A complete entry; it is not removed while this lives.
#[derive(Debug)]
pub(crate) struct Entry {
    folder: PathBuf,
    lock: Option<File>,
}

impl Entry {
    /// The entry in a folder that cannot be written to.
    pub(super) fn read_only(folder: &Path, key: &Key) -> Option<Self> {
        let lock = File::open(folder.join(LOCK)).ok();
        // Without the lock, or locks at all, the marker still tells.
        let lock = lock.filter(|lock| lock.lock_shared().is_ok());
        is_whole(folder, key).then(|| Self {
            folder: folder.to_owned(),
            lock,
        })
    }

    /// Where the file of this name is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves a small file that is no part of what the entry must have to be whole.
    pub(crate) fn note(&self, name: &str, content: &[u8]) -> io::Result<()> {
        write(&self.folder, name, content)
    }

    /// Removes the entry, which turned out to be of no use. Whether that was possible.
    pub(crate) fn discard(self) -> bool {
        drop(self.lock);
        matches!(remove(&self.folder), Ok(Some(_)))
    }

    fn touch(&self) {
        // The time only orders removals.
        let _ = self
            .lock
            .as_ref()
            .map(|lock| lock.set_modified(SystemTime::now()));
    }
}

/// An entry while it is made. What it holds is removed unless it is finished.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: PathBuf,
    key: Key,
    lock: Option<File>,
    place: Arc<Place>,
}

impl Draft {
    /// Where to write the file of this name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes it an entry, and room for it.
    pub(crate) fn finish(mut self) -> Result<Entry, CacheError> {
        let unwritable = |cause| CacheError::Unwritable {
            folder: self.folder.clone(),
            cause,
        };
        self.seal().map_err(unwritable)?;
        let lock = self.lock.take();
        // Those who wait for the entry go on.
        let lock = lock.filter(|lock| lock.lock_shared().is_ok());
        self.place.shrink(&self.folder);
        let entry = Entry {
            folder: self.folder.clone(),
            lock,
        };
        entry.touch();
        Ok(entry)
    }

    fn seal(&self) -> io::Result<()> {
        let mut files = BTreeMap::new();
        for item in fs::read_dir(&self.folder)? {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            if name != LOCK && item.file_type()?.is_file() {
                File::open(item.path())?.sync_all()?;
                files.insert(name, Content::of(&item.path())?);
            }
        }
        let marker = Marker {
            format: FORMAT,
            model: self.key.model.clone(),
            size: self.key.size.clone(),
            key: self.key.text(),
            files,
        };
        write(&self.folder, MARKER, &serde_json::to_vec_pretty(&marker)?)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // What stays is no entry, and is removed with the next one.
            let _ = remove_locked(&self.folder);
        }
    }
}

/// Writes a small file so that it is there wholly or not at all, also after a power failure.
pub(super) fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        io::Write::write_all(&mut file, content)?;
        file.sync_all()?;
        fs::rename(&temporary, folder.join(name))?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The entry in `folder`, or the right to make it, once nobody else is making it.
pub(super) fn claim(place: &Arc<Place>, folder: &Path, key: &Key) -> io::Result<Slot> {
    let ready = |lock: Option<File>| {
        let folder = folder.to_owned();
        let entry = Entry { folder, lock };
        entry.touch();
        Slot::Ready(entry)
    };
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            // Different from process to process, lest they meet again and again.
            let pause = 20 + u64::from(std::process::id() % 40);
            thread::sleep(Duration::from_millis(pause));
        }
        create(folder)?;
        let lock = match open_lock(folder, true) {
            // Somebody has removed the folder between the two.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            lock => lock?,
        };
        // Waits for whoever builds it.
        match lock.lock_shared() {
            Ok(()) if is_gone(&lock)? => continue,
            Ok(()) if is_whole(folder, key) => return Ok(ready(Some(lock))),
            Ok(()) => lock.unlock()?,
            // No locks on this file system: an entry can be used, but none is made.
            Err(_) if is_whole(folder, key) => return Ok(ready(None)),
            Err(error) => return Err(error),
        }
        match lock.try_lock() {
            Ok(()) if is_gone(&lock)? => {}
            Ok(()) if is_whole(folder, key) => {
                lock.lock_shared()?;
                return Ok(ready(Some(lock)));
            }
            Ok(()) => {
                empty(folder)?;
                return Ok(Slot::Vacant(Draft {
                    folder: folder.to_owned(),
                    key: key.clone(),
                    lock: Some(lock),
                    place: place.clone(),
                }));
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other(
        "an entry is damaged, and another process uses it",
    ))
}

/// Removes the entry in `folder` unless it is in use; how many bytes it took.
pub(super) fn remove(folder: &Path) -> io::Result<Option<u64>> {
    let lock = match open_lock(folder, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder.join(MARKER).exists() => {
            open_lock(folder, true)?
        }
        lock => lock?,
    };
    match lock.try_lock() {
        Ok(()) if is_gone(&lock)? => Ok(None),
        Ok(()) => {
            let bytes = bytes(folder);
            remove_locked(folder)?;
            Ok(Some(bytes))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether somebody has the entry open.
pub(super) fn is_in_use(folder: &Path) -> bool {
    File::open(folder.join(LOCK))
        .is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Bytes of all files of an entry.
pub(super) fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum()
}

/// The marker goes first: what is removed in part is no entry.
fn remove_locked(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(MARKER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_dir_all(folder),
    }
}

/// Removes what a build that was broken off, or damage, has left.
fn empty(folder: &Path) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        if item.file_name() == LOCK {
            continue;
        }
        if item.file_type()?.is_dir() {
            fs::remove_dir_all(item.path())?;
        } else {
            fs::remove_file(item.path())?;
        }
    }
    Ok(())
}

fn open_lock(folder: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(LOCK))
}

/// Whether the file of an open lock was removed, so that others no longer see it.
fn is_gone(lock: &File) -> io::Result<bool> {
    Ok(lock.metadata()?.nlink() == 0)
}
