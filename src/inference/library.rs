// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Looking at a shared library before `ort` takes it, which panics on some of what is wrong.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::runtime::RuntimeError;
use super::unwinder;

/// The four bytes every shared library starts with.
const ELF: [u8; 4] = *b"\x7fELF";

/// Loads the library at `path` and returns it with the ONNX Runtime version it states. It stays
/// loaded as long as the handle lives; `ort` opens it once more for itself.
pub(super) fn probe(path: &Path) -> Result<(libloading::Library, String), RuntimeError> {
    let mut magic = [0; 4];
    match File::open(path).and_then(|mut file| file.read_exact(&mut magic)) {
        Err(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
            let path = path.to_owned();
            return Err(RuntimeError::Unreadable { path, cause });
        }
        _ if magic != ELF => {
            return Err(RuntimeError::NotALibrary {
                path: path.to_owned(),
            });
        }
        _ => {}
    }
    unwinder::load_as_one(path);
    open(path)
}

#[expect(
    unsafe_code,
    reason = "a shared library is opened and asked for its version"
)]
fn open(path: &Path) -> Result<(libloading::Library, String), RuntimeError> {
    // SAFETY: opening runs the library's initialisers. The file is one that the user named or that
    // bears ONNX Runtime's name in a library folder, and `ort` would open it in the same way.
    let library =
        unsafe { libloading::Library::new(path) }.map_err(|cause| RuntimeError::Unloadable {
            path: path.to_owned(),
            cause: told(&cause),
        })?;
    let foreign = || RuntimeError::NotOnnxRuntime {
        path: path.to_owned(),
    };
    // SAFETY: `OrtGetApiBase` has had this signature since ONNX Runtime 1.0; what it returns is
    // static or null, the version string is static and ends in NUL.
    let (version, usable) = unsafe {
        let base = library
            .get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase\0")
            .map_err(|_| foreign())?();
        let base = base.as_ref().ok_or_else(foreign)?;
        let version = (base.GetVersionString)();
        if version.is_null() {
            return Err(foreign());
        }
        let version = CStr::from_ptr(version).to_string_lossy().into_owned();
        // An unknown number makes ONNX Runtime write an error to stderr: compare first.
        let usable = is_new_enough(&version) && !(base.GetApi)(ort::MINOR_VERSION).is_null();
        (version, usable)
    };
    if usable {
        Ok((library, version))
    } else {
        Err(RuntimeError::TooOld {
            path: path.to_owned(),
            version,
        })
    }
}

/// An error of the dynamic loader with its own words, which the error itself leaves out.
pub(super) fn told(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(1), Some(minor)) => minor >= ort::MINOR_VERSION,
        _ => false,
    }
}
