// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Shards: 256 pictures a file, written under a temporary name and renamed when complete.

use crate::sample::{Sample, make};
use half::f16;
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::path::{Path, PathBuf};

/// Pictures in a full shard.
pub const SHARD: u64 = 256;

/// Why a shard was not written.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The file system refused.
    #[error("cannot write {path}: {source}; check the folder and the free space")]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The tensors do not fit together.
    #[error("cannot build {path}: {source}")]
    Build {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: safetensors::SafeTensorError,
    },
}

/// The file of the shard that begins with picture `first`.
pub fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("pictures-{first:08}.safetensors"))
}

/// Writes pictures `first..first + count` unless their file is there already; returns whether it wrote.
pub fn write(
    folder: &Path,
    first: u64,
    count: u64,
    size: usize,
    pairs: bool,
) -> Result<bool, ShardError> {
    let path = path(folder, first);
    if path.exists() {
        return Ok(false);
    }
    let samples: Vec<Sample> = (first..first + count)
        .into_par_iter()
        .map(|i| make(i, size, pairs))
        .collect();
    let bytes = encode(&samples, size).map_err(|source| ShardError::Build {
        path: path.clone(),
        source,
    })?;
    let part = path.with_extension("part");
    let io = |source| ShardError::Write {
        path: path.clone(),
        source,
    };
    std::fs::write(&part, bytes).map_err(io)?;
    std::fs::rename(&part, &path).map_err(io)?;
    Ok(true)
}

fn encode(samples: &[Sample], size: usize) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let n = samples.len();
    let halves = |get: &dyn Fn(&Sample) -> Vec<f32>| -> Vec<u8> {
        samples
            .iter()
            .flat_map(get)
            .flat_map(|w| f16::from_f32(w).to_le_bytes())
            .collect()
    };
    let floats = |get: &dyn Fn(&Sample) -> Vec<f32>| -> Vec<u8> {
        samples
            .iter()
            .flat_map(get)
            .flat_map(f32::to_le_bytes)
            .collect()
    };
    let mut tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = vec![
        (
            "rgb",
            Dtype::U8,
            vec![n, size, size, 3],
            samples.iter().flat_map(|s| s.rgb.clone()).collect(),
        ),
        (
            "inverse",
            Dtype::F16,
            vec![n, size, size],
            halves(&|s| s.inverse.clone()),
        ),
        (
            "labels",
            Dtype::U8,
            vec![n, size, size],
            samples.iter().flat_map(|s| s.labels.clone()).collect(),
        ),
        ("focal", Dtype::F32, vec![n], floats(&|s| vec![s.focal[0]])),
        (
            "focal_y",
            Dtype::F32,
            vec![n],
            floats(&|s| vec![s.focal[1]]),
        ),
        (
            "kind",
            Dtype::U8,
            vec![n],
            samples.iter().map(|s| s.kind).collect(),
        ),
    ];
    if samples.iter().all(|s| s.next.is_some()) {
        let next = |s: &Sample| s.next.clone();
        tensors.push((
            "rgb_next",
            Dtype::U8,
            vec![n, size, size, 3],
            samples
                .iter()
                .filter_map(next)
                .flat_map(|t| t.rgb)
                .collect(),
        ));
        tensors.push((
            "inverse_next",
            Dtype::F16,
            vec![n, size, size],
            halves(&|s| next(s).map(|t| t.inverse).unwrap_or_default()),
        ));
        tensors.push((
            "pose",
            Dtype::F32,
            vec![n, 4, 4],
            floats(&|s| next(s).map(|t| t.pose.to_vec()).unwrap_or_default()),
        ));
    }
    let views = tensors
        .iter()
        .map(|(name, kind, shape, data)| Ok((*name, TensorView::new(*kind, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    safetensors::serialize(views, None)
}
