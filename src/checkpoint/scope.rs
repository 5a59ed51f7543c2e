// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Tensors by path, with expected shapes, and a record of who was asked for.

use super::{Checkpoint, CheckpointError, Tensor};
use ndarray::{Dimension, IntoDimension};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// A tensor that a graph does not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its name.
    pub name: String,
    /// Why not.
    pub reason: &'static str,
}

/// A checkpoint's tensors during the building of one graph.
pub struct Weights<'c> {
    checkpoint: &'c Checkpoint,
    consumed: RefCell<BTreeSet<String>>,
    ignored: RefCell<BTreeMap<String, &'static str>>,
}

impl<'c> Weights<'c> {
    pub(super) fn new(checkpoint: &'c Checkpoint) -> Self {
        Self {
            checkpoint,
            consumed: RefCell::default(),
            ignored: RefCell::default(),
        }
    }

    /// The scope of all names.
    pub fn root(&self) -> Scope<'_> {
        Scope {
            weights: self,
            path: String::new(),
        }
    }

    /// Ends the building: what was left out, and why.
    ///
    /// # Errors
    /// If a tensor was neither asked for nor ignored with a reason.
    pub fn finish(&self) -> Result<Vec<Ignored>, CheckpointError> {
        let consumed = self.consumed.borrow();
        let ignored = self.ignored.borrow();
        let mut left_out = Vec::new();
        let mut unused = Vec::new();
        for name in self.checkpoint.names() {
            if consumed.contains(name) {
                continue;
            }
            let reason = ignored
                .iter()
                .find(|(prefix, _)| is_under(name, prefix))
                .map(|(_, reason)| *reason);
            match reason {
                Some(reason) => left_out.push(Ignored {
                    name: self.checkpoint.source(name).into(),
                    reason,
                }),
                None => unused.push(name),
            }
        }
        match unused.first() {
            None => Ok(left_out),
            Some(first) => Err(CheckpointError::Unused {
                count: unused.len(),
                first: self.checkpoint.source(first).into(),
            }),
        }
    }
}

fn is_under(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A place in the tree of names: `dpt.encoder.layer.3`.
#[derive(Clone)]
pub struct Scope<'w> {
    weights: &'w Weights<'w>,
    path: String,
}

impl<'w> Scope<'w> {
    /// The scope below this one.
    #[must_use]
    pub fn at(&self, segment: impl Display) -> Self {
        Self {
            weights: self.weights,
            path: self.join(&segment.to_string()),
        }
    }

    /// The dotted path of this scope.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn join(&self, name: &str) -> String {
        match (self.path.is_empty(), name.is_empty()) {
            (true, _) => name.into(),
            (_, true) => self.path.clone(),
            _ => format!("{}.{name}", self.path),
        }
    }

    /// The tensor of this name, which must have this shape.
    ///
    /// # Errors
    /// If it is missing, has another shape or is no tensor of numbers.
    pub fn tensor<S: IntoDimension>(
        &self,
        name: &str,
        shape: S,
    ) -> Result<Tensor<'w, S::Dim>, CheckpointError> {
        let name = self.join(name);
        let shape = shape.into_dimension();
        let checkpoint = self.weights.checkpoint;
        let actual = checkpoint
            .shape(&name)
            .ok_or_else(|| checkpoint.missing(&name))?;
        let other = || CheckpointError::Shape {
            actual: actual.to_vec(),
            expected: shape.slice().to_vec(),
            name: checkpoint.source(&name).into(),
        };
        if actual != shape.slice() {
            return Err(other());
        }
        let tensor = checkpoint.tensor(&name)?;
        let tensor = tensor.into_dimensionality().map_err(|_| other())?;
        self.weights.consumed.borrow_mut().insert(name);
        Ok(tensor)
    }

    /// As [`Self::tensor`], or `None` where there is none of this name.
    ///
    /// # Errors
    /// If it is there with another shape or is no tensor of numbers.
    pub fn optional<S: IntoDimension>(
        &self,
        name: &str,
        shape: S,
    ) -> Result<Option<Tensor<'w, S::Dim>>, CheckpointError> {
        if self.has(name) {
            self.tensor(name, shape).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether there is a tensor of this name or below it.
    pub fn has(&self, name: &str) -> bool {
        let name = self.join(name);
        self.weights
            .checkpoint
            .entries
            .range(name.clone()..)
            .take_while(|(key, _)| key.starts_with(&name))
            .any(|(key, _)| is_under(key, &name))
    }

    /// The shape of the tensor of this name.
    pub fn shape(&self, name: &str) -> Option<&'w [usize]> {
        self.weights.checkpoint.shape(&self.join(name))
    }

    /// Declares everything under `name` unneeded.
    pub fn ignore(&self, name: &str, reason: &'static str) {
        self.weights
            .ignored
            .borrow_mut()
            .insert(self.join(name), reason);
    }
}

/// The three names most like `wanted`: those that share its longest ending.
pub(super) fn nearest<'a>(names: impl Iterator<Item = &'a str>, wanted: &str) -> Vec<String> {
    let shared = |name: &str| {
        name.rsplit('.')
            .zip(wanted.rsplit('.'))
            .take_while(|(a, b)| a == b)
            .count()
    };
    let mut ranked: Vec<_> = names
        .map(|name| (shared(name), name))
        .filter(|(score, _)| *score > 0)
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    ranked
        .into_iter()
        .take(3)
        .map(|(_, name)| name.to_string())
        .collect()
}
