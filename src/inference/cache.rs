// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The folder for what is costly to make again: built graphs, compiled networks.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

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
        cause: std::io::Error,
    },
}

/// A writable cache folder, or none.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// The cache in `dir`; the user's cache folder when absent, no cache at all when empty.
    ///
    /// # Errors
    /// [`CacheError`] if the folder cannot be made or written to.
    pub fn open(dir: Option<&str>) -> Result<Self, CacheError> {
        let folder = match dir {
            Some("") => return Ok(Self::none()),
            Some(dir) => std::path::absolute(dir).map_err(|cause| CacheError::Unwritable {
                folder: dir.into(),
                cause,
            })?,
            None => user_folder().ok_or(CacheError::NoHome)?,
        };
        match create(&folder).and_then(|()| probe(&folder)) {
            Ok(()) => Ok(Self {
                folder: Some(folder),
            }),
            Err(cause) => Err(CacheError::Unwritable { folder, cause }),
        }
    }

    /// No cache: nothing is kept.
    pub const fn none() -> Self {
        Self { folder: None }
    }

    /// The folder, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Where the graph with this key is, or is to be written. None without a cache or a key.
    pub fn graph_path(&self, key: &str) -> Option<PathBuf> {
        Some(self.entry("graphs", key)?.join("model.onnx"))
    }

    /// Makes the folder that `path` is in.
    ///
    /// # Errors
    /// [`CacheError::Unwritable`].
    pub fn prepare(&self, path: &Path) -> Result<(), CacheError> {
        let folder = path.parent().unwrap_or(path);
        create(folder).map_err(|cause| CacheError::Unwritable {
            folder: folder.to_owned(),
            cause,
        })
    }

    /// The folder of one kind and key.
    pub(super) fn entry(&self, kind: &str, key: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        (!key.is_empty()).then(|| folder.join(kind).join(file_name(key)))
    }
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

/// `key` as a file name: as it is where that is one, else made so and told apart by a hash.
fn file_name(key: &str) -> String {
    const LONGEST: usize = 150;
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.len() <= LONGEST && key.chars().all(harmless) && !key.starts_with('.') {
        return key.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let kept: String = key
        .chars()
        .take(LONGEST)
        .map(|c| if harmless(c) && c != '.' { c } else { '_' })
        .collect();
    format!("{kept}-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_the_folder_or_meet() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("deep/er").to_str()).unwrap();
        let graphs = cache.folder().unwrap().join("graphs");
        assert_eq!(
            cache.graph_path("tiny-256x256").unwrap(),
            graphs.join("tiny-256x256/model.onnx")
        );
        let long = "k".repeat(5000);
        let keys = [
            "../../etc",
            "..",
            ".",
            "a/b",
            "a_b",
            "a\0b",
            "a\\b",
            "é",
            long.as_str(),
        ];
        let mut paths = std::collections::HashSet::new();
        for key in keys {
            let path = cache.graph_path(key).unwrap();
            let mut parts = path.strip_prefix(&graphs).unwrap().components();
            let name = parts.next().unwrap().as_os_str().to_str().unwrap();
            assert!(!name.starts_with('.') && name.len() < 255, "{key}: {name}");
            assert_eq!(parts.count(), 1, "{key}");
            assert!(paths.insert(path.clone()), "{key}");
            cache.prepare(&path).unwrap();
            assert!(path.parent().unwrap().is_dir(), "{key}");
        }
    }

    #[test]
    fn no_cache_and_no_key_have_no_paths() {
        assert!(Cache::open(Some("")).unwrap().folder().is_none());
        assert!(Cache::none().graph_path("key").is_none());
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Cache::open(folder.path().to_str())
                .unwrap()
                .graph_path("")
                .is_none()
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_the_remedy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let inside = file.path().join("cache");
        let message = Cache::open(inside.to_str()).unwrap_err().to_string();
        assert!(message.contains(inside.to_str().unwrap()), "{message}");
        assert!(message.contains("cache-dir"), "{message}");
    }
}
