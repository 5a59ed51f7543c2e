// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One spelling for the names of all origins.
//!
//! The builders know the names below only; a table for each [`Origin`] says what its files call
//! them. N counts from 0, fusion levels from the coarsest.
//!
//! ```text
//! backbone.{cls_token, position_embeddings, mask_token}, backbone.{patch, norm}.{weight, bias}
//! backbone.blocks.N.{norm1, query, key, value, output, norm2, fc1, fc2 | gate, up, down}
//! backbone.blocks.N.{scale1, scale2, relative_position_bias_table}
//! backbone.stem.…                                       a hybrid's convolutional stem
//! backbone.{patch_norm}, backbone.stages.S.blocks.N.…   Swin Transformer V2
//! backbone.stages.S.downsample.{reduction, norm}
//! neck.reassemble.N.{readout, projection, resize}, neck.convs.N
//! neck.fusion.N.{projection, unit1 | unit2.{conv1, norm1, conv2, norm2}}
//! head.{projection, conv1, norm, conv2, conv3}, head.sky.{conv2, conv3}
//! bins.…                                                ZoeDepth's metric part
//! ```

mod original;
mod transformers;

use crate::checkpoint::{Checkpoint, CheckpointError, Renamed};

/// Where a checkpoint's names come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// transformers: `neck.…`, `head.…`.
    Transformers,
    /// isl-org/DPT and isl-org/MiDaS: `pretrained.model.…`, `scratch.…`.
    Isl,
    /// DepthAnything/Depth-Anything-V2 and LiheYoung/Depth-Anything: `pretrained.…`, `depth_head.…`.
    DepthAnything,
    /// ByteDance-Seed/Depth-Anything-3: `model.backbone.pretrained.…`, `model.head.…`.
    DepthAnything3,
    /// facebookresearch/dinov2: a backbone's file and `decode_head.…`.
    Dinov2,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transformers => "transformers",
            Self::Isl => "isl-org (DPT, MiDaS)",
            Self::DepthAnything => "Depth Anything",
            Self::DepthAnything3 => "Depth Anything 3",
            Self::Dinov2 => "dinov2's depth heads",
        })
    }
}

impl Origin {
    /// The origin of a checkpoint, by names that only one of them has.
    pub fn of(checkpoint: &Checkpoint) -> Option<Self> {
        let has = |prefix: &str| checkpoint.names().any(|name| name.starts_with(prefix));
        if has("neck.") {
            Some(Self::Transformers)
        } else if has("pretrained.model.") && has("scratch.") {
            Some(Self::Isl)
        } else if has("pretrained.") && has("depth_head.") {
            Some(Self::DepthAnything)
        } else if (has("model.backbone.pretrained.") && has("model.head."))
            || (has("backbone.pretrained.") && has("head."))
        {
            Some(Self::DepthAnything3)
        } else if has("decode_head.") {
            Some(Self::Dinov2)
        } else {
            None
        }
    }

    fn rules(self) -> &'static [&'static [Rule]] {
        match self {
            Self::Transformers => transformers::RULES,
            Self::Isl => original::ISL,
            Self::DepthAnything | Self::DepthAnything3 => original::DEPTH_ANYTHING,
            Self::Dinov2 => original::DINOV2,
        }
    }

    /// The checkpoint with its tensors under the names above.
    ///
    /// # Errors
    /// If two tensors get one name.
    pub fn rename(self, checkpoint: Checkpoint) -> Result<Checkpoint, CheckpointError> {
        checkpoint.renamed(|name| {
            let bare = match self {
                Self::Transformers | Self::Isl => name.into(),
                _ => original::without_wrapping(name),
            };
            self.rules()
                .iter()
                .flat_map(|rules| rules.iter())
                .find_map(|rule| apply(*rule, &bare))
                .unwrap_or(Renamed::Kept)
        })
    }
}

/// The beginning of a name as a file spells it, and as it is spelled here; what follows stays. In
/// the first, `#` stands for a number, `%` for a level counted from 1 at the finest and `^` for one
/// that is to be counted from the coarsest. In the second, `#` stands for those numbers in their
/// order, from 0, and `{a,b}` for several names that share the tensor's rows.
type Rule = (&'static str, &'static str);

/// The number that a segment has in the place of a pattern's `%` or `^`.
fn level(pattern: &str, segment: &str) -> Option<usize> {
    let at = pattern.find(['%', '^'])?;
    let number = segment
        .strip_prefix(&pattern[..at])?
        .strip_suffix(&pattern[at + 1..])?;
    let number: usize = number
        .parse()
        .ok()
        .filter(|number| (1..=4).contains(number))?;
    Some(match pattern.as_bytes()[at] {
        b'%' => number - 1,
        _ => 4 - number,
    })
}

fn apply((from, to): Rule, name: &str) -> Option<Renamed> {
    let mut numbers: Vec<usize> = Vec::new();
    let mut rest = name.split('.');
    for pattern in from.split('.') {
        let segment = rest.next()?;
        if pattern == "#" {
            numbers.push(segment.parse().ok()?);
        } else if pattern != segment {
            numbers.push(level(pattern, segment)?);
        }
    }
    let mut numbers = numbers.into_iter().map(|number| number.to_string());
    let filled: Vec<String> = to
        .split('.')
        .map(|segment| match segment {
            "#" => numbers.next().unwrap_or_default(),
            other => other.into(),
        })
        .chain(rest.map(String::from))
        .collect();
    let shared = filled.iter().position(|segment| segment.starts_with('{'));
    Some(match shared {
        None => Renamed::To(filled.join(".")),
        Some(place) => {
            let names = filled[place].trim_matches(['{', '}']).split(',');
            let whole = |name: &str| {
                let mut filled = filled.clone();
                filled[place] = name.into();
                filled.join(".")
            };
            Renamed::Rows(names.map(whole).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_move_and_the_rest_stays() {
        let rule = ("a.blocks.#.attn.proj", "backbone.blocks.#.output");
        let renamed = apply(rule, "a.blocks.12.attn.proj.weight");
        assert_eq!(
            renamed,
            Some(Renamed::To("backbone.blocks.12.output.weight".into()))
        );
        assert_eq!(apply(rule, "a.blocks.x.attn.proj.weight"), None);
        assert_eq!(apply(rule, "a.blocks.12.attn"), None);
    }

    #[test]
    fn levels_are_counted_from_the_other_end() {
        let rule = ("s.refinenet^.out_conv", "neck.fusion.#.projection");
        assert_eq!(
            apply(rule, "s.refinenet4.out_conv.bias"),
            Some(Renamed::To("neck.fusion.0.projection.bias".into()))
        );
        assert_eq!(apply(rule, "s.refinenet5.out_conv.bias"), None);
        let rule = ("s.layer%_rn", "neck.convs.#");
        assert_eq!(
            apply(rule, "s.layer1_rn.weight"),
            Some(Renamed::To("neck.convs.0.weight".into()))
        );
    }

    #[test]
    fn fused_rows_are_shared_and_chunks_dropped() {
        let rule = ("blocks.#.attn.qkv", "b.#.{query,key,value}");
        let bare = original::without_wrapping("pretrained.blocks.1.13.attn.qkv.bias");
        assert_eq!(
            apply(rule, &bare),
            Some(Renamed::Rows(
                ["b.13.query.bias", "b.13.key.bias", "b.13.value.bias"]
                    .map(String::from)
                    .to_vec()
            ))
        );
    }
}
