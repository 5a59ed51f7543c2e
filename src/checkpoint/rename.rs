// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One spelling for checkpoints of many origins.

use super::{Checkpoint, CheckpointError};
use std::collections::BTreeMap;

/// What becomes of a tensor's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// It gets this name.
    To(String),
    /// Its rows are shared out evenly among these names: a fused query, key and value.
    Rows(Vec<String>),
    /// It keeps its name.
    Kept,
}

impl Checkpoint {
    /// The same tensors under other names. Messages go on to name them as their files do.
    ///
    /// # Errors
    /// If two tensors get one name, or rows cannot be shared out.
    pub fn renamed(mut self, rename: impl Fn(&str) -> Renamed) -> Result<Self, CheckpointError> {
        for (name, entry) in std::mem::take(&mut self.entries) {
            match rename(&name) {
                Renamed::Kept => self.insert(name, entry)?,
                Renamed::To(to) => self.insert(to, entry)?,
                Renamed::Rows(parts) => {
                    let rows = entry.shape.first().copied().unwrap_or_default();
                    if parts.is_empty() || rows % parts.len() != 0 || entry.strides.is_some() {
                        return Err(CheckpointError::Shape {
                            name,
                            actual: entry.shape,
                            expected: vec![parts.len()],
                        });
                    }
                    let bytes = (entry.end - entry.start) / parts.len();
                    for (index, part) in parts.iter().enumerate() {
                        let mut piece = entry.clone();
                        piece.shape[0] = rows / parts.len();
                        piece.start = entry.start + index * bytes;
                        piece.end = piece.start + bytes;
                        self.insert(part.clone(), piece)?;
                    }
                }
            }
        }
        Ok(self)
    }

    /// The same checkpoint without the tensors of which `keep` says no.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.entries = std::mem::take(&mut self.entries)
            .into_iter()
            .filter(|(name, _)| keep(name))
            .collect::<BTreeMap<_, _>>();
        self
    }
}
