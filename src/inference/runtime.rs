// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The ONNX Runtime library: found once, loaded once, never unloaded.

use std::collections::HashSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::library;

/// Names a library file; used when no path is given.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";
/// Keeps the library from sending telemetry; read while it is loaded.
const TELEMETRY_VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

const REMEDY: &str = "run `scripts/setup.sh`, which fetches one into target/onnxruntime, or install \
    one (`apt install libonnxruntime1.21` on Debian 13), or name its file in onnxruntime-library or \
    ORT_DYLIB_PATH";

/// Why no ONNX Runtime could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No path was given and no usable library is where one could be.
    #[error("no usable ONNX Runtime library was found; looked at: {}; {REMEDY}", tried.join("; "))]
    NotFound {
        /// Each folder and file looked at, with what was wrong.
        tried: Vec<String>,
    },
    /// The file does not exist or may not be read.
    #[error("the ONNX Runtime library {} cannot be read: {cause}; {REMEDY}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The file is something else.
    #[error("{} is not a shared library; {REMEDY}", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
    },
    /// The system's loader refuses the library.
    #[error("the library {} cannot be loaded: {cause}; install what it needs, or {REMEDY}", path.display())]
    Unloadable {
        /// The file.
        path: PathBuf,
        /// What the loader says.
        cause: String,
    },
    /// A shared library, but another one.
    #[error("the library {} is not ONNX Runtime (it exports no OrtGetApiBase); {REMEDY}", path.display())]
    NotOnnxRuntime {
        /// The file.
        path: PathBuf,
    },
    /// An ONNX Runtime without the interface this crate needs.
    #[error(
        "the ONNX Runtime at {} is version {version}, but 1.{} or a later 1.x is needed; {REMEDY}",
        path.display(), ort::MINOR_VERSION
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// The version it states.
        version: String,
    },
    /// A process can use one library only.
    #[error(
        "this process already uses the ONNX Runtime at {} and cannot load {} too; give every element \
         the same onnxruntime-library, or restart the process",
        loaded.display(), asked.display()
    )]
    AlreadyLoaded {
        /// The library in use.
        loaded: PathBuf,
        /// The one now asked for.
        asked: PathBuf,
    },
    /// The library was loaded but does not start.
    #[error("the ONNX Runtime at {} does not start: {cause}; restart the process with another one", path.display())]
    Start {
        /// The file.
        path: PathBuf,
        /// What ONNX Runtime says.
        cause: String,
    },
}

/// The ONNX Runtime of this process.
#[derive(Debug)]
pub struct Runtime {
    path: PathBuf,
    version: String,
    environment: Environment,
}

impl Runtime {
    /// The library's file, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version the library states, for example `1.21.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// Loads ONNX Runtime, or returns the one this process uses already.
///
/// Looks at `library`, else at the variable `ORT_DYLIB_PATH`, else in `plugin_folder`, else in the
/// system's library folders (`LD_LIBRARY_PATH` first); in each folder at every `libonnxruntime.so*`,
/// newest version first. What `library` or the variable names must be usable; of what is found, the
/// first that is usable is taken. Telemetry is switched off before the library is opened.
///
/// # Errors
/// [`RuntimeError`]; after all but [`RuntimeError::Start`] another path can be tried.
pub fn load(
    library: Option<&Path>,
    plugin_folder: Option<&Path>,
) -> Result<&'static Runtime, RuntimeError> {
    static LOADING: Mutex<()> = Mutex::new(());
    static LOADED: OnceLock<Runtime> = OnceLock::new();
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = LOADED.get() {
        return match library {
            Some(asked) if !fs::canonicalize(asked).is_ok_and(|asked| asked == runtime.path) => {
                let (loaded, asked) = (runtime.path.clone(), asked.to_owned());
                Err(RuntimeError::AlreadyLoaded { loaded, asked })
            }
            _ => Ok(runtime),
        };
    }
    disable_telemetry();
    let named = library.map(Path::to_owned).or_else(|| {
        env::var_os(LIBRARY_VARIABLE)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    });
    let (path, handle, version) = match named {
        Some(path) => {
            let path = fs::canonicalize(&path).map_err(|cause| RuntimeError::Unreadable {
                path: path.clone(),
                cause,
            })?;
            let (handle, version) = library::probe(&path)?;
            (path, handle, version)
        }
        None => search(
            plugin_folder
                .map(Path::to_owned)
                .into_iter()
                .chain(system_folders()),
        )?,
    };
    let runtime = start(path, version)?;
    drop(handle);
    Ok(LOADED.get_or_init(|| runtime))
}

fn start(path: PathBuf, version: String) -> Result<Runtime, RuntimeError> {
    let failed = |cause: String| RuntimeError::Start {
        path: path.clone(),
        cause,
    };
    let environment = ort::init_from(&path)
        .map_err(|cause| failed(cause.to_string()))?
        .with_name("dptdepth")
        .with_telemetry(false)
        .build()
        .map_err(|cause| failed(cause.to_string()))?;
    environment.set_log_level(LogLevel::Error);
    Ok(Runtime {
        path,
        version,
        environment,
    })
}

#[expect(
    unsafe_code,
    reason = "the library reads the variable, so it must stand in the environment"
)]
fn disable_telemetry() {
    if env::var_os(TELEMETRY_VARIABLE).as_deref() != Some(OsStr::new("1")) {
        // SAFETY: Rust's own readers share a lock with this writer. C code that reads the
        // environment from another thread at this very moment is exposed as it is to GLib's
        // `g_setenv`; this happens once in a process, when its first session is opened.
        unsafe { env::set_var(TELEMETRY_VARIABLE, "1") };
    }
}

type Found = (PathBuf, libloading::Library, String);

/// The first usable library in `folders`.
fn search(folders: impl Iterator<Item = PathBuf>) -> Result<Found, RuntimeError> {
    let mut tried = vec![format!("{LIBRARY_VARIABLE} (not set)")];
    let mut seen = HashSet::new();
    for folder in folders {
        let Ok(real) = fs::canonicalize(&folder) else {
            tried.push(format!("{} (no such folder)", folder.display()));
            continue;
        };
        if !seen.insert(real) {
            continue;
        }
        let candidates = candidates(&folder);
        if candidates.is_empty() {
            tried.push(format!("{} (no libonnxruntime.so*)", folder.display()));
        }
        for path in candidates
            .into_iter()
            .filter(|path| seen.insert(path.clone()))
        {
            match library::probe(&path) {
                Ok((handle, version)) => return Ok((path, handle, version)),
                Err(error) => tried.push(format!("{} ({})", path.display(), brief(&error))),
            }
        }
    }
    Err(RuntimeError::NotFound { tried })
}

/// What is wrong with a library, without its path and the remedy.
fn brief(error: &RuntimeError) -> String {
    match error {
        RuntimeError::Unreadable { cause, .. } => cause.to_string(),
        RuntimeError::NotALibrary { .. } => "not a shared library".to_owned(),
        RuntimeError::Unloadable { cause, .. } => cause.clone(),
        RuntimeError::NotOnnxRuntime { .. } => "not ONNX Runtime".to_owned(),
        RuntimeError::TooOld { version, .. } => format!("too old: {version}"),
        other => other.to_string(),
    }
}

/// The files of `folder` that bear ONNX Runtime's name, links resolved, newest version first.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| version_of(&entry.file_name()).is_some())
        .filter_map(|entry| fs::canonicalize(entry.path()).ok())
        .map(|path| {
            (
                path.file_name().and_then(version_of).unwrap_or_default(),
                path,
            )
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

/// The numbers after `libonnxruntime.so`; none for any other file.
fn version_of(name: &OsStr) -> Option<Vec<u32>> {
    let rest = name.to_str()?.strip_prefix("libonnxruntime.so")?;
    rest.split('.')
        .enumerate()
        .try_fold(Vec::new(), |mut numbers, (index, part)| {
            match (index, part.parse()) {
                (0, _) if part.is_empty() => {}
                (1.., Ok(number)) => numbers.push(number),
                _ => return None,
            }
            Some(numbers)
        })
}

fn system_folders() -> impl Iterator<Item = PathBuf> {
    let triplet = match env::consts::ARCH {
        "arm" => "arm-linux-gnueabihf".to_owned(),
        "x86" => "i386-linux-gnu".to_owned(),
        "powerpc64" => "powerpc64le-linux-gnu".to_owned(),
        other => format!("{other}-linux-gnu"),
    };
    let variable = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named: Vec<_> = env::split_paths(&variable)
        .filter(|path| path.is_absolute())
        .collect();
    named.into_iter().chain(
        ["/usr/local/lib", "/usr/lib", "/lib"]
            .into_iter()
            .flat_map(move |folder| [Path::new(folder).join(&triplet), PathBuf::from(folder)])
            .chain(["/usr/local/lib64", "/usr/lib64"].map(PathBuf::from)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_library_comes_first_and_other_files_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let names = [
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.21.0",
            "libonnxruntime.so.1",
        ];
        for name in names
            .iter()
            .chain(&["libonnxruntime_providers_shared.so", "libonnxruntime.so.py"])
        {
            fs::write(root.join(name), "text").unwrap();
        }
        std::os::unix::fs::symlink("libonnxruntime.so.1.21.0", root.join("libonnxruntime.so"))
            .unwrap();
        let expected = [
            "libonnxruntime.so.1.21.0",
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1",
        ];
        assert_eq!(candidates(&root), expected.map(|name| root.join(name)));
    }

    #[test]
    fn a_fruitless_search_names_everything_it_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let (bad, empty) = (folder.path().join("bad"), folder.path().join("empty"));
        fs::create_dir(&bad).unwrap();
        fs::create_dir(&empty).unwrap();
        fs::write(bad.join("libonnxruntime.so.1.30.0"), "text").unwrap();
        let missing = folder.path().join("missing");
        let error = search([bad, empty.clone(), missing.clone()].into_iter()).unwrap_err();
        let message = error.to_string();
        for part in [
            "libonnxruntime.so.1.30.0 (not a shared library)".to_owned(),
            format!("{} (no libonnxruntime.so*)", empty.display()),
            format!("{} (no such folder)", missing.display()),
            "scripts/setup.sh".to_owned(),
            "apt install libonnxruntime1.21".to_owned(),
        ] {
            assert!(message.contains(&part), "{part} is not in: {message}");
        }
    }
}
