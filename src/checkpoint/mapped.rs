// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Memory-mapped bytes and their reading as f32.

use super::CheckpointError;
use half::{bf16, f16};
use safetensors::Dtype;
use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

/// The bytes of a file.
pub(super) enum Bytes {
    Mapped(memmap2::Mmap),
    Static(&'static [u8]),
}

impl Bytes {
    #[allow(unsafe_code)]
    pub(super) fn map(path: &Path) -> Result<Self, CheckpointError> {
        let io = |source| CheckpointError::Io {
            path: path.into(),
            source,
        };
        // Before it is opened: that alone would wait for the other end of a pipe.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(CheckpointError::NotAFile { path: path.into() });
        }
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(CheckpointError::Empty { path: path.into() });
        }
        // SAFETY: the map is only read, through bounds-checked slices of plain numbers. A process
        // that truncates the file meanwhile ends this one with SIGBUS, as for any mapped file.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
        Ok(Self::Mapped(map))
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
        }
    }
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|chunk| value(*chunk))
        .collect()
}

/// Little-endian elements as f32, borrowed where they already are; `None` for types that hold no
/// plain number.
pub(super) fn to_f32(bytes: &[u8], dtype: Dtype) -> Option<Cow<'_, [f32]>> {
    Some(Cow::Owned(match dtype {
        Dtype::F32 => return Some(borrow_f32(bytes)),
        Dtype::F64 => convert(bytes, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => convert(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => convert(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::I64 => convert(bytes, |b| i64::from_le_bytes(b) as f32),
        Dtype::U64 => convert(bytes, |b| u64::from_le_bytes(b) as f32),
        Dtype::I32 => convert(bytes, |b| i32::from_le_bytes(b) as f32),
        Dtype::U32 => convert(bytes, |b| u32::from_le_bytes(b) as f32),
        Dtype::I16 => convert(bytes, |b| f32::from(i16::from_le_bytes(b))),
        Dtype::U16 => convert(bytes, |b| f32::from(u16::from_le_bytes(b))),
        Dtype::I8 => convert(bytes, |b| f32::from(i8::from_le_bytes(b))),
        Dtype::U8 | Dtype::BOOL => convert(bytes, |[b]: [u8; 1]| f32::from(b)),
        _ => return None,
    }))
}

#[allow(unsafe_code)]
fn borrow_f32(bytes: &[u8]) -> Cow<'_, [f32]> {
    if cfg!(target_endian = "little") {
        // SAFETY: every bit pattern is an f32, and `align_to` gives the middle only where it is
        // aligned.
        let (before, middle, after) = unsafe { bytes.align_to::<f32>() };
        if before.is_empty() && after.is_empty() {
            return Cow::Borrowed(middle);
        }
    }
    Cow::Owned(convert(bytes, f32::from_le_bytes))
}
