// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Analysis of every frame, also of those that the model does not run on: a small gray picture, whether
//! a scene begins, and how much has changed since the model ran.

use crate::dptdepth::settings::PlayingSettings;
use crate::frame::{FrameError, FrameRef, Layout, Thumbnail};
use crate::spec::Size;
use crate::temporal::{SceneCut, change};

/// Analyses the frames of one stream.
pub(in crate::dptdepth) struct Analyser {
    thumbnail: Thumbnail,
    cut: SceneCut,
    /// What the model last ran on.
    inferred: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

/// Analysis of a frame.
#[derive(Debug, Default)]
pub(in crate::dptdepth) struct FrameAnalysis {
    /// Gray, row by row, of [`Analyser::size`].
    pub(in crate::dptdepth) luma: Vec<u8>,
    /// Whether a scene begins.
    pub(in crate::dptdepth) cut: bool,
    /// Whether less has changed since the model ran than was asked to matter.
    pub(in crate::dptdepth) unchanged: bool,
}

impl Analyser {
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

    /// Forgets earlier frames, after a flush.
    pub(in crate::dptdepth) fn forget(&mut self) {
        self.cut.reset();
        self.inferred.clear();
    }

    /// Analyses the next frame.
    pub(in crate::dptdepth) fn analyse(
        &mut self,
        frame: &FrameRef<'_>,
        settings: &PlayingSettings,
    ) -> Result<FrameAnalysis, FrameError> {
        let mut luma = self.spare.pop().unwrap_or_default();
        self.thumbnail.run(frame, &mut luma)?;
        let size = self.size();
        self.cut.set_threshold(settings.scene_cut_threshold);
        let threshold = settings.change_threshold;
        Ok(FrameAnalysis {
            cut: self.cut.update(&luma, size),
            unchanged: threshold > 0.0
                && f64::from(change(&luma, &self.inferred, size)) < threshold,
            luma,
        })
    }

    /// The model runs on this frame.
    pub(in crate::dptdepth) fn infers(&mut self, analysis: &FrameAnalysis) {
        self.inferred.clone_from(&analysis.luma);
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
