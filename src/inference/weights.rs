// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One copy of the weights for sessions of different sizes.
//!
//! ONNX Runtime's CPU provider brings matrices into an order of its own, which is all it needs of
//! them from then on. It keeps such a copy once for several sessions if they name the same
//! container and hand over their initializers; copies are told apart by what they hold.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use memmap2::Mmap;
use ort::AsPointer as _;
use ort::memory::Allocator;
use ort::session::builder::{PrepackedWeights, SessionBuilder};
use ort::sys::ONNXTensorElementDataType;
use ort::value::DynValue;

/// The weights that a graph keeps in a file.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Sessions with the same text share what can be shared.
    pub identity: String,
    /// The file.
    pub file: PathBuf,
    /// What of it is which initializer.
    pub tensors: Vec<Weight>,
}

/// An f32 initializer in a file.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Its name in the graph.
    pub name: String,
    /// Its dimensions, outermost first.
    pub dims: Vec<i64>,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// Its bytes.
    pub length: usize,
}

/// The containers in use, by identity.
static PACKED: LazyLock<Mutex<HashMap<String, Weak<PrepackedWeights>>>> =
    LazyLock::new(Mutex::default);

fn packed(identity: &str) -> Arc<PrepackedWeights> {
    let mut all = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, packed| packed.strong_count() > 0);
    if let Some(packed) = all.get(identity).and_then(Weak::upgrade) {
        return packed;
    }
    let packed = Arc::new(PrepackedWeights::new());
    all.insert(identity.to_owned(), Arc::downgrade(&packed));
    packed
}

/// What a session uses of its weights; to be dropped after it.
#[derive(Debug)]
pub(super) struct Shared {
    _packed: Arc<PrepackedWeights>,
    _file: Mmap,
}

impl Weights {
    /// Hands the weights to a session's builder.
    pub(super) fn share(
        &self,
        mut builder: SessionBuilder,
    ) -> Result<(SessionBuilder, Shared), String> {
        let file = map(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?;
        let packed = packed(&self.identity);
        for weight in &self.tensors {
            let value = value(weight, &file).map_err(|error| error.to_string())?;
            builder = builder
                .with_initializer(&weight.name, value)
                .map_err(|error| error.to_string())?;
        }
        let builder = builder
            .with_prepacked_weights(&packed)
            .map_err(|error| error.to_string())?;
        let shared = Shared {
            _packed: packed,
            _file: file,
        };
        Ok((builder, shared))
    }
}

#[expect(unsafe_code, reason = "mapping a file is unsafe")]
fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the map is only read, as plain numbers. A process that truncates the file meanwhile
    // ends this one with SIGBUS, as for any mapped file.
    unsafe { Mmap::map(&file) }
}

/// The tensor as ONNX Runtime reads it from the mapped file.
#[expect(unsafe_code, reason = "values on mapped memory have no safe way in")]
fn value(weight: &Weight, file: &Mmap) -> ort::Result<DynValue> {
    let end = weight.offset.checked_add(weight.length);
    let bytes = end.and_then(|end| file.get(weight.offset..end));
    let bytes = bytes.ok_or_else(|| {
        let name = &weight.name;
        ort::Error::new(format!("the weights of {name} reach beyond their file"))
    })?;
    let allocator = Allocator::default();
    let memory = allocator.memory_info();
    let mut value = ptr::null_mut();
    // SAFETY: ONNX Runtime holds the dimensions against the length. The bytes outlive the session
    // (`Shared`), which only reads its initializers, and are numbers whatever they are.
    let status = unsafe {
        (ort::api().CreateTensorWithDataAsOrtValue)(
            memory.ptr(),
            bytes.as_ptr().cast_mut().cast(),
            bytes.len(),
            weight.dims.as_ptr(),
            weight.dims.len(),
            ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
            &raw mut value,
        )
    };
    // SAFETY: the status is the call's own.
    unsafe { ort::Error::result_from_status(status) }?;
    let value = NonNull::new(value).ok_or_else(|| ort::Error::new("a tensor without a place"))?;
    // SAFETY: it is a whole value that nobody else has.
    Ok(unsafe { DynValue::from_ptr(value, Some(&allocator)) })
}
