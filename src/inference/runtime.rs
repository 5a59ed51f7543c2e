// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Finding and loading ONNX Runtime: at run time, once for the process, with its telemetry off.

use ort::environment::Environment;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The oldest version whose C API has what is used here.
pub const OLDEST: &str = "1.21";
/// Names a library to load, as for other programs that use ONNX Runtime.
const VARIABLE: &str = "ORT_DYLIB_PATH";
const STEM: &str = "libonnxruntime.so";

const REMEDY: &str = "run scripts/setup.sh, which fetches one; or install libonnxruntime (Debian 13: apt install libonnxruntime1.21); \
     or set the property onnxruntime-library or the variable ORT_DYLIB_PATH to a libonnxruntime.so of version 1.21 or newer";

/// Why there is no ONNX Runtime.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No candidate was found.
    #[error("no ONNX Runtime library was found (looked at: {}); {REMEDY}", tried.join(", "))]
    NotFound {
        /// Where it was looked for.
        tried: Vec<String>,
    },
    /// The library named does not load.
    #[error("the ONNX Runtime library cannot be loaded ({reason}); {REMEDY}: {path}", path = path.display())]
    NotLoadable {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The library loads but is something else.
    #[error("the library is not ONNX Runtime: it has no OrtGetApiBase; {REMEDY}: {path}", path = path.display())]
    NotOnnxRuntime {
        /// The library.
        path: PathBuf,
    },
    /// The library is too old.
    #[error("ONNX Runtime {version} is too old, {OLDEST} or newer is needed; {REMEDY}: {path}", path = path.display())]
    TooOld {
        /// The library.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// Another library was loaded by an earlier element.
    #[error(
        "this process has loaded {loaded} already and cannot load a second ONNX Runtime; use one onnxruntime-library for all elements: {path}",
        loaded = loaded.display(), path = path.display()
    )]
    Another {
        /// The library asked for.
        path: PathBuf,
        /// The library loaded.
        loaded: PathBuf,
    },
    /// The library loads but does not start.
    #[error("ONNX Runtime does not start ({reason}); {REMEDY}: {path}", path = path.display())]
    NotStarting {
        /// The library.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

/// The loaded ONNX Runtime.
pub struct Runtime {
    path: PathBuf,
    version: String,
    environment: Environment,
}

impl Runtime {
    /// The library's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, such as `1.32.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// Loads ONNX Runtime, or returns what was loaded before. Tried in order, the first that exists
/// counts: `library`; `ORT_DYLIB_PATH`; a library beside the plugin; the system's library folders,
/// newest version first.
///
/// # Errors
/// If there is none, or the one named is not a usable ONNX Runtime.
pub fn load(
    library: Option<&Path>,
    plugin_folder: Option<&Path>,
) -> Result<&'static Runtime, RuntimeError> {
    static LOADED: Mutex<Option<&'static Runtime>> = Mutex::new(None);
    let mut loaded = LOADED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(runtime) = *loaded {
        return match library {
            Some(path) if !same_file(path, &runtime.path) => Err(RuntimeError::Another {
                path: path.into(),
                loaded: runtime.path.clone(),
            }),
            _ => Ok(runtime),
        };
    }
    let named = library.map(PathBuf::from).or_else(|| {
        std::env::var_os(VARIABLE)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    });
    let runtime = match named {
        Some(path) => open(&path)?,
        None => search(plugin_folder)?,
    };
    // One for the process: after an environment is gone, ONNX Runtime makes no second.
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *loaded = Some(runtime);
    Ok(runtime)
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The first library that loads; if none does, the first one's error says most.
fn search(plugin_folder: Option<&Path>) -> Result<Runtime, RuntimeError> {
    let folders: Vec<PathBuf> = plugin_folder
        .map(Path::to_path_buf)
        .into_iter()
        .chain(system_folders())
        .collect();
    let mut first_error = None;
    for path in folders.iter().flat_map(|folder| libraries_in(folder)) {
        match open(&path) {
            Ok(runtime) => return Ok(runtime),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or_else(|| {
        let mut tried = vec!["property onnxruntime-library".into(), VARIABLE.into()];
        tried.extend(folders.iter().map(|folder| folder.display().to_string()));
        RuntimeError::NotFound { tried }
    }))
}

fn system_folders() -> Vec<PathBuf> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let mut folders: Vec<PathBuf> = std::env::var_os("LD_LIBRARY_PATH")
        .map(|paths| std::env::split_paths(&paths).collect())
        .unwrap_or_default();
    folders.retain(|folder| folder.is_absolute());
    for root in ["/usr/local/lib", "/usr/lib", "/lib"] {
        folders.push(Path::new(root).join(&triplet));
        folders.push(root.into());
    }
    folders.extend(["/usr/local/lib64", "/usr/lib64"].map(PathBuf::from));
    folders
}

/// `libonnxruntime.so*` in a folder, newest version first. Distributions install only a name with
/// a version.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let suffix = path.file_name()?.to_str()?.strip_prefix(STEM)?;
            let version = suffix
                .split('.')
                .filter(|part| !part.is_empty())
                .map(|part| part.parse().ok())
                .collect::<Option<Vec<u32>>>()?;
            Some((version, path))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

#[allow(unsafe_code)]
fn forbid_telemetry() {
    // SAFETY: another thread that reads the environment through C at this very moment could see a
    // half-written table. The variable must be set before the library is loaded, which happens
    // once, before any session exists.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
}

fn open(path: &Path) -> Result<Runtime, RuntimeError> {
    if !path.is_file() {
        return Err(RuntimeError::NotLoadable {
            path: path.into(),
            reason: "there is no such file".into(),
        });
    }
    // A bare name would be looked up elsewhere.
    let path = path.canonicalize().unwrap_or_else(|_| path.into());
    if std::env::var_os("ORT_DISABLE_TELEMETRY").is_none_or(|value| value != "1") {
        forbid_telemetry();
    }
    let builder = ort::init_from(&path).map_err(|error| refused(&path, &error))?;
    let environment = builder
        .with_name("dptdepth")
        .with_telemetry(false)
        .build()
        .map_err(|error| RuntimeError::NotStarting {
            path: path.clone(),
            reason: error.to_string(),
        })?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    Ok(Runtime {
        version: version(&path),
        path,
        environment,
    })
}

fn refused(path: &Path, error: &ort::LoadDynamicError) -> RuntimeError {
    let path = path.to_path_buf();
    match error {
        ort::LoadDynamicError::MissingApi { .. } => RuntimeError::NotOnnxRuntime { path },
        ort::LoadDynamicError::BadVersion { version_str, .. } => RuntimeError::TooOld {
            path,
            version: version_str.clone(),
        },
        other => RuntimeError::NotLoadable {
            path,
            reason: other.to_string(),
        },
    }
}

/// The loaded library's version: the build info starts `ORT Build Info: git-branch=…` and newer
/// ones name no version, so the file's name tells it where it carries one.
fn version(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    name.split_once(".so.")
        .map_or_else(|| "of unknown version".into(), |(_, version)| version.into())
}
