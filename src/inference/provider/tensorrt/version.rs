// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The version of TensorRT that ONNX Runtime's provider would load.
//!
//! An engine fits the version that built it only. ONNX Runtime does not say which one it loads, so
//! the library is asked itself.

use std::path::Path;
use std::sync::OnceLock;

use crate::inference::library::told;
use crate::inference::runtime::Runtime;

/// The provider's library, beside ONNX Runtime's.
const PROVIDER: &str = "libonnxruntime_providers_tensorrt.so";
/// The start of the name under which it was linked with TensorRT; the major version follows.
const NAME: &str = "libnvinfer.so.";

/// The version, such as `10.13.3`, or why it is not known. Loads TensorRT, once in a process.
pub(super) fn version(runtime: &Runtime) -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let folder = runtime.path().parent().unwrap_or(Path::new("."));
        match version_beside(folder) {
            Ok(number) => spelled(number),
            Err(reason) => format!("unknown ({reason})"),
        }
    })
}

/// Asks the TensorRT that the provider's library in `folder` was linked with.
fn version_beside(folder: &Path) -> Result<i32, String> {
    let provider = std::fs::read(folder.join(PROVIDER)).map_err(|error| error.to_string())?;
    let name = linked(&provider).ok_or("the provider names no libnvinfer")?;
    // What is loaded from there by its path is what the loader finds for the provider by this name.
    let beside = folder.join(&name);
    let library = match beside.exists() {
        true => beside,
        false => name.into(),
    };
    ask(&library)
}

/// The name of TensorRT's library in the bytes of the provider's.
fn linked(provider: &[u8]) -> Option<String> {
    let mut starts = memchr::memmem::find_iter(provider, NAME);
    starts.find_map(|start| {
        let digits = provider[start + NAME.len()..].iter();
        let digits: Vec<u8> = digits.copied().take_while(u8::is_ascii_digit).collect();
        let digits = String::from_utf8(digits).ok()?;
        (!digits.is_empty()).then(|| format!("{NAME}{digits}"))
    })
}

#[expect(
    unsafe_code,
    reason = "a shared library is opened and asked for its version"
)]
fn ask(library: &Path) -> Result<i32, String> {
    // SAFETY: opening runs the library's initialisers, as the provider's loading does.
    let library = unsafe { libloading::Library::new(library) }.map_err(|error| told(&error))?;
    // SAFETY: `getInferLibVersion` has had this C signature since TensorRT 5.
    let number = unsafe {
        library
            .get::<unsafe extern "C" fn() -> i32>(b"getInferLibVersion\0")
            .map(|version| version())
    };
    // It stays loaded: the provider needs it, and unloading C++ libraries is asking for trouble.
    std::mem::forget(library);
    number.map_err(|error| told(&error))
}

/// A version as TensorRT encodes it: 8601 is 8.6.1, from 10 on 101303 is 10.13.3.
fn spelled(number: i32) -> String {
    let (major, minor) = match number {
        ..10_000 => (number / 1000, number / 100 % 10),
        _ => (number / 10_000, number / 100 % 100),
    };
    format!("{major}.{minor}.{}", number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn versions_are_spelled_out() {
        assert_eq!(spelled(8601), "8.6.1");
        assert_eq!(spelled(100_900), "10.9.0");
        assert_eq!(spelled(101_303), "10.13.3");
    }

    #[test]
    fn the_library_that_the_provider_was_linked_with_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("version.c");
        std::fs::write(&source, "int getInferLibVersion(void) { return 101303; }").unwrap();
        let library = folder.path().join("libnvinfer.so.10");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(compiled.unwrap().success());
        let missing = version_beside(folder.path()).unwrap_err();
        assert!(missing.contains("No such file"), "{missing}");
        let provider = folder.path().join(PROVIDER);
        std::fs::write(&provider, b"\0libcudart.so.12\0libnvinfer.so.10\0").unwrap();
        assert_eq!(version_beside(folder.path()), Ok(101_303));
        // Another major version is another library, which is not there.
        std::fs::write(&provider, b"\0libnvinfer.so.99\0").unwrap();
        let missing = version_beside(folder.path()).unwrap_err();
        assert!(missing.contains("libnvinfer.so.99"), "{missing}");
        std::fs::write(&provider, b"\0libnvinfer.so.\0").unwrap();
        assert!(version_beside(folder.path()).is_err());
    }
}
