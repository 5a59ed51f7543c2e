// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What is seen of every frame, whether the model runs on it or not: a small gray picture, whether
//! a scene begins, and how much has changed since the model ran.

use crate::dptdepth::settings::Looks;
use crate::frame::{FrameError, FrameRef, Layout, Thumbnail};
use crate::spec::Size;
use crate::temporal::{SceneCut, change};

/// Looks at the frames of one stream.
pub(in crate::dptdepth) struct Watch {
    thumbnail: Thumbnail,
    cut: SceneCut,
    /// What the model last ran on.
    inferred: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

/// What was seen of a frame.
#[derive(Debug, Default)]
pub(in crate::dptdepth) struct Seen {
    /// Gray, row by row, of [`Watch::size`].
    pub(in crate::dptdepth) luma: Vec<u8>,
    /// Whether a scene begins.
    pub(in crate::dptdepth) cut: bool,
    /// Whether less has changed since the model ran than was asked to matter.
    pub(in crate::dptdepth) unchanged: bool,
}

impl Watch {
    pub(in crate::dptdepth) fn new(layout: &Layout) -> Self {
        Self {
            thumbnail: Thumbnail::new(layout, Thumbnail::size_for(layout.size)),
            cut: SceneCut::new(SceneCut::THRESHOLD),
            inferred: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Rows and columns of the lumas.
    pub(in crate::dptdepth) fn size(&self) -> Size {
        self.thumbnail.size()
    }

    /// After a flush nothing was seen.
    pub(in crate::dptdepth) fn forget(&mut self) {
        self.cut.reset();
        self.inferred.clear();
    }

    /// Looks at the next frame.
    pub(in crate::dptdepth) fn see(
        &mut self,
        frame: &FrameRef<'_>,
        looks: &Looks,
    ) -> Result<Seen, FrameError> {
        let mut luma = self.spare.pop().unwrap_or_default();
        self.thumbnail.run(frame, &mut luma)?;
        let size = self.size();
        self.cut.set_threshold(looks.scene_cut_threshold);
        let threshold = looks.change_threshold;
        Ok(Seen {
            cut: self.cut.update(&luma, size),
            unchanged: threshold > 0.0
                && f64::from(change(&luma, &self.inferred, size)) < threshold,
            luma,
        })
    }

    /// The model runs on this frame.
    pub(in crate::dptdepth) fn infers(&mut self, seen: &Seen) {
        self.inferred.clone_from(&seen.luma);
    }

    /// A copy, for who has to keep it longer than the frame.
    pub(in crate::dptdepth) fn copy(&mut self, luma: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(luma);
        copy
    }

    /// Takes back memory.
    pub(in crate::dptdepth) fn recycle(&mut self, luma: Vec<u8>) {
        self.spare.push(luma);
    }
}
