// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The folder where prepared graphs and compiled engines are kept.

use std::path::{Path, PathBuf};

/// The folder below the user's cache folder.
const NAME: &str = "gst-dptdepth";

/// Why the cache folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write to the cache folder: {source}; set cache-dir to a writable folder, or to \"\" for no cache: {path}",
    path = path.display()
)]
pub struct CacheError {
    /// The folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

/// A cache folder, or none.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// `None`: the default, `gst-dptdepth` in `$XDG_CACHE_HOME` or `~/.cache`. Empty: no cache.
    /// Else the folder named, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be made or written to.
    pub fn open(folder: Option<&str>) -> Result<Self, CacheError> {
        let folder = match folder {
            Some("") => return Ok(Self::none()),
            Some(folder) => PathBuf::from(folder),
            None => match default_folder() {
                Some(folder) => folder,
                None => return Ok(Self::none()),
            },
        };
        let probe = folder.join(format!(".probe-{}", std::process::id()));
        let write = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&probe, []))
            .and_then(|()| std::fs::remove_file(&probe));
        match write {
            Ok(()) => Ok(Self {
                folder: Some(folder),
            }),
            Err(source) => Err(CacheError {
                path: folder,
                source,
            }),
        }
    }

    /// No cache.
    pub fn none() -> Self {
        Self::default()
    }

    /// The folder, if there is a cache.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Where the graph of this key is kept.
    pub fn graph_path(&self, key: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join("graphs").join(key).join("model.onnx"))
    }

    /// Where engines of this provider for this graph are kept.
    pub(super) fn engine_folder(&self, provider: &str, key: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join(provider).join(key))
    }

    /// Makes the folder of a file that is about to be written.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn prepare(&self, file: &Path) -> Result<(), CacheError> {
        let folder = file.parent().unwrap_or(file);
        std::fs::create_dir_all(folder).map_err(|source| CacheError {
            path: folder.into(),
            source,
        })
    }
}

fn default_folder() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|caches| caches.join(NAME))
}
