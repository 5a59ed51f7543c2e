// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One way to unwind C++ exceptions.
//!
//! GStreamer brings `libunwind`, which exports the same functions as `libgcc_s`. A C++ runtime that
//! was loaded before GStreamer, as a Python program that imports NumPy first does, raises exceptions
//! with `libgcc_s`, while libraries that are loaded after it find `libunwind` first and go on with
//! that: the first exception that OpenVINO throws and would catch ends the process. There they are
//! loaded so that they look into what they were linked with before they look elsewhere.

use std::path::Path;

/// Loads ONNX Runtime's libraries beside `library` in advance, where they would not unwind with the
/// library that the C++ runtime of this process raises with. They stay loaded.
#[cfg(not(all(
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(super) fn load_as_one(_library: &Path) {}

#[cfg(all(
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(super) use gnu::load_as_one;

#[cfg(all(
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#[expect(
    unsafe_code,
    reason = "only the dynamic loader knows which library a symbol was bound to"
)]
mod gnu {
    use super::Path;
    use libc::{c_int, c_void};
    use std::ffi::{CStr, CString};
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

    /// Loads ONNX Runtime's libraries beside `library` in advance, where they would not unwind with
    /// the library that the C++ runtime of this process raises with. They stay loaded.
    pub(in super::super) fn load_as_one(library: &Path) {
        if !is_split() {
            return;
        }
        let Some(folder) = library.parent() else {
            return;
        };
        // Not the providers: they can be loaded only by ONNX Runtime, once it has told them of itself.
        open(library);
        let mut others: Vec<PathBuf> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_of_openvino(path))
            .collect();
        others.sort();
        for other in others {
            open(&other);
        }
    }

    fn is_of_openvino(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // What needs drivers of devices that may not be there is OpenVINO's to load.
        let driver = name.contains("gpu") || name.contains("npu");
        name.starts_with("libopenvino") && name.contains(".so") && !driver
    }

    /// What cannot be loaded like this is left to ONNX Runtime, which says why.
    fn open(path: &Path) {
        let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
            return;
        };
        // SAFETY: the path ends in NUL. ONNX Runtime would run the same initialisers a moment later.
        unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_DEEPBIND) };
    }

    /// Whether the C++ runtime raises with another library than what is loaded now would resume with.
    fn is_split() -> bool {
        // SAFETY: the name ends in NUL.
        let resume = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_Unwind_Resume".as_ptr()) };
        let mut raise: *const c_void = std::ptr::null();
        // SAFETY: `visit` gets this very pointer and is called only during the call.
        unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut raise).cast()) };
        match (object_of(resume), object_of(raise)) {
            // A symbol that is not bound yet leads back into the runtime itself, and later to `resume`.
            (Some(resume), Some(raise)) => resume != raise && !is_cxx_runtime(&raise),
            _ => false,
        }
    }

    fn is_cxx_runtime(name: &CStr) -> bool {
        name.to_string_lossy().contains("libstdc++.so")
    }

    /// The file that an address belongs to.
    fn object_of(address: *const c_void) -> Option<CString> {
        let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: `dladdr` takes any address and fills `info` if it knows it; the name is static as
        // long as the object is loaded, and is copied.
        unsafe {
            if address.is_null() || libc::dladdr(address, info.as_mut_ptr()) == 0 {
                return None;
            }
            let name = info.assume_init().dli_fname;
            (!name.is_null()).then(|| CStr::from_ptr(name).to_owned())
        }
    }

    /// `Elf64_Dyn`.
    #[repr(C)]
    struct Dynamic {
        tag: i64,
        value: u64,
    }

    /// Where in the C++ runtime the address of `_Unwind_RaiseException` stands, what stands there.
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _size: usize,
        raise: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader gives an object that is loaded for as long as this call takes; its
        // program headers and its dynamic section, which ends with tag 0, are mapped. On these
        // platforms the loader has made the addresses in it absolute.
        unsafe {
            let info = &*info;
            if info.dlpi_name.is_null() || !is_cxx_runtime(CStr::from_ptr(info.dlpi_name)) {
                return 0;
            }
            let headers = std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum));
            let Some(header) = headers.iter().find(|h| h.p_type == libc::PT_DYNAMIC) else {
                return 0;
            };
            let (mut strings, mut symbols) = (0, 0);
            let (mut tables, mut sizes) = ([0; 2], [0; 2]);
            let mut entry = (info.dlpi_addr + header.p_vaddr) as *const Dynamic;
            while (*entry).tag != 0 {
                let value = (*entry).value;
                match (*entry).tag {
                    2 => sizes[0] = value,   // DT_PLTRELSZ
                    23 => tables[0] = value, // DT_JMPREL
                    8 => sizes[1] = value,   // DT_RELASZ
                    7 => tables[1] = value,  // DT_RELA
                    5 => strings = value,    // DT_STRTAB
                    6 => symbols = value,    // DT_SYMTAB
                    _ => {}
                }
                entry = entry.add(1);
            }
            if strings == 0 || symbols == 0 {
                return 0;
            }
            for (table, size) in tables
                .into_iter()
                .zip(sizes)
                .filter(|(table, _)| *table != 0)
            {
                let count = size as usize / size_of::<libc::Elf64_Rela>();
                let relocations = table as *const libc::Elf64_Rela;
                for relocation in std::slice::from_raw_parts(relocations, count) {
                    let symbol = (relocation.r_info >> 32) as usize;
                    let symbol = &*(symbols as *const libc::Elf64_Sym).add(symbol);
                    let name = (strings + u64::from(symbol.st_name)) as *const libc::c_char;
                    if CStr::from_ptr(name) == c"_Unwind_RaiseException" {
                        let slot = (info.dlpi_addr + relocation.r_offset) as *const *const c_void;
                        *raise.cast() = *slot;
                        return 1;
                    }
                }
            }
        }
        0
    }
}
