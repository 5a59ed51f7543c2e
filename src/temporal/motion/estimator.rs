// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The movement from each picture to the next.

use super::dense::Flow;
use super::pyramid::Pyramid;
use super::search::{Field, search};
use crate::spec::Size;
use crate::temporal::carry::Moved;

/// Compares pictures of one size, each with the one before.
#[derive(Clone, Debug)]
pub(in crate::temporal) struct Estimator {
    size: Size,
    newest: Pyramid,
    before: Pyramid,
    fields: Vec<Field>,
    flow: Flow,
    /// Whether `newest` holds a picture.
    started: bool,
}

impl Estimator {
    /// Sides are at least one.
    pub(in crate::temporal) fn new(size: Size) -> Self {
        let newest = Pyramid::new(size);
        Self {
            size,
            before: newest.clone(),
            fields: newest.levels.iter().map(Field::new).collect(),
            flow: Flow::new(&newest.levels[0]),
            newest,
            started: false,
        }
    }

    /// Rows and columns of the pictures.
    pub(in crate::temporal) fn size(&self) -> Size {
        self.size
    }

    /// Forgets the last picture.
    pub(in crate::temporal) fn reset(&mut self) {
        self.started = false;
    }

    /// Takes the next picture, whatever has moved up to it. One of the wrong length is no picture.
    pub(in crate::temporal) fn start(&mut self, luma: &[u8]) {
        if luma.len() == self.size.area() {
            self.newest.fill(luma);
            self.started = true;
        }
    }

    /// Takes the next picture; returns what has moved since the last one, if there was one.
    pub(super) fn step(&mut self, luma: &[u8]) -> Option<&Flow> {
        if luma.len() != self.size.area() {
            return None;
        }
        std::mem::swap(&mut self.newest, &mut self.before);
        let known = self.started;
        self.start(luma);
        known.then(|| {
            self.estimate();
            &self.flow
        })
    }

    /// The same, where anything has moved.
    pub(in crate::temporal) fn moved(&mut self, luma: &[u8]) -> Option<Moved<'_>> {
        let size = self.size;
        let flow = self.step(luma).filter(|flow| flow.moves)?;
        Some(Moved {
            size,
            across: &flow.across,
            down: &flow.down,
            hidden: &flow.hidden,
        })
    }

    /// The movement from `before` to `newest`.
    fn estimate(&mut self) {
        let (later, earlier) = (&self.newest.levels, &self.before.levels);
        let mut above: Option<&Field> = None;
        for ((later, earlier), field) in later.iter().zip(earlier).zip(&mut self.fields).rev() {
            search(later, earlier, above, field);
            above = Some(field);
        }
        self.flow.fill(&later[0], &earlier[0], &self.fields[0]);
    }
}
