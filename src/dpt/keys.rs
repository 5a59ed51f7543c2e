// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where transformers' `dpt` checkpoints keep what.

use super::config::DptConfig;
use crate::checkpoint::Scope;

/// The scopes of a checkpoint's parts.
pub(super) struct Keys<'w> {
    root: Scope<'w>,
}

impl<'w> Keys<'w> {
    pub(super) fn new(root: Scope<'w>) -> Self {
        Self { root }
    }

    pub(super) fn embeddings(&self) -> Scope<'w> {
        self.root.at("dpt.embeddings")
    }

    pub(super) fn block(&self, index: usize) -> Scope<'w> {
        self.root.at("dpt.encoder.layer").at(index)
    }

    pub(super) fn reassemble(&self) -> Scope<'w> {
        self.root.at("neck.reassemble_stage")
    }

    /// The 3×3 convolution that brings level `index` to the fusion width.
    pub(super) fn level_conv(&self, index: usize) -> Scope<'w> {
        self.root.at("neck.convs").at(index)
    }

    pub(super) fn fusion(&self, index: usize) -> Scope<'w> {
        self.root.at("neck.fusion_stage.layers").at(index)
    }

    pub(super) fn head(&self) -> Scope<'w> {
        self.root.at("head")
    }

    /// Names what inference has no use for.
    pub(super) fn ignore_unused(&self, config: &DptConfig) {
        let root = &self.root;
        root.ignore(
            "dpt.layernorm",
            "taps are taken before the final normalisation",
        );
        root.ignore("dpt.pooler", "the pooled token is not used");
        root.ignore("auxiliary_head", "used in training only");
        root.ignore("neck.auxiliary_head", "used in training only");
        root.ignore(
            "dpt.embeddings.patch_embeddings.mask_token",
            "used in training only",
        );
        self.fusion(0)
            .ignore("residual_layer1", "the coarsest fusion has no second input");
        let last = config.taps.last().copied().unwrap_or_default();
        for index in last + 1..config.num_hidden_layers {
            self.block(index).ignore("", "comes after the last tap");
        }
    }
}
