// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the original repositories call things. Their decoders count levels from the finest.

use super::Rule;

pub(super) const ISL: &[&[Rule]] = &[
    ISL_REASSEMBLE,
    SCRATCH,
    ISL_HEADS,
    ISL_HYBRID,
    ISL_SWIN2,
    ISL_TIMM,
];
/// After [`without_wrapping`].
pub(super) const DEPTH_ANYTHING: &[&[Rule]] = &[DEPTH_ANYTHING_HEAD, SCRATCH, DINOV2_BACKBONE];
/// After [`without_wrapping`].
pub(super) const DINOV2: &[&[Rule]] = &[DINOV2_HEAD, DINOV2_BACKBONE];

/// A name of one of DINOv2's descendants without what only says where its module hung:
/// Depth Anything's `depth_head.`, `pretrained.`, Depth Anything 3's `model.`, `backbone.`, `head.`,
/// and the chunk in `blocks.CHUNK.N`, whose N counts from the first block of all anyway.
pub(super) fn without_wrapping(name: &str) -> String {
    let mut name = name;
    for prefix in ["model.", "backbone.", "head.", "depth_head.", "pretrained."] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let is_number = |segment: &&str| segment.bytes().all(|byte| byte.is_ascii_digit());
    let segments: Vec<&str> = name.split('.').collect();
    match segments.as_slice() {
        ["blocks", chunk, block, ..] if is_number(chunk) && is_number(block) => {
            format!("blocks.{}", segments[2..].join("."))
        }
        _ => name.into(),
    }
}

const ISL_REASSEMBLE: &[Rule] = &[
    (
        "pretrained.act_postprocess%.0.project.0",
        "neck.reassemble.#.readout",
    ),
    (
        "pretrained.act_postprocess%.3",
        "neck.reassemble.#.projection",
    ),
    ("pretrained.act_postprocess%.4", "neck.reassemble.#.resize"),
];

const SCRATCH: &[Rule] = &[
    ("scratch.layer%_rn", "neck.convs.#"),
    ("scratch.refinenet^.out_conv", "neck.fusion.#.projection"),
    (
        "scratch.refinenet^.resConfUnit1.bn1",
        "neck.fusion.#.unit1.norm1",
    ),
    (
        "scratch.refinenet^.resConfUnit1.bn2",
        "neck.fusion.#.unit1.norm2",
    ),
    (
        "scratch.refinenet^.resConfUnit2.bn1",
        "neck.fusion.#.unit2.norm1",
    ),
    (
        "scratch.refinenet^.resConfUnit2.bn2",
        "neck.fusion.#.unit2.norm2",
    ),
    ("scratch.refinenet^.resConfUnit1", "neck.fusion.#.unit1"),
    ("scratch.refinenet^.resConfUnit2", "neck.fusion.#.unit2"),
];

const ISL_HEADS: &[Rule] = &[
    ("scratch.output_conv.0", "head.conv1"),
    ("scratch.output_conv.1", "head.norm"),
    ("scratch.output_conv.2", "head.conv2"),
    ("scratch.output_conv.4", "head.conv3"),
    ("auxlayer", "auxiliary_head"),
];

/// timm's ResNetV2 under the names of transformers' BiT.
const ISL_HYBRID: &[Rule] = &[
    (
        "pretrained.model.patch_embed.backbone.stem.conv",
        "backbone.stem.embedder.convolution",
    ),
    (
        "pretrained.model.patch_embed.backbone.stem.norm",
        "backbone.stem.embedder.norm",
    ),
    (
        "pretrained.model.patch_embed.backbone.stages.#.blocks.#",
        "backbone.stem.encoder.stages.#.layers.#",
    ),
    // Of a plain ViT, too.
    ("pretrained.model.patch_embed.proj", "backbone.patch"),
];

const ISL_SWIN2: &[Rule] = &[
    ("pretrained.model.patch_embed.norm", "backbone.patch_norm"),
    (
        "pretrained.model.layers.#.blocks.#.attn.qkv",
        "backbone.stages.#.blocks.#.{query,key,value}",
    ),
    (
        "pretrained.model.layers.#.blocks.#.attn.q_bias",
        "backbone.stages.#.blocks.#.query.bias",
    ),
    (
        "pretrained.model.layers.#.blocks.#.attn.v_bias",
        "backbone.stages.#.blocks.#.value.bias",
    ),
    (
        "pretrained.model.layers.#.blocks.#.attn.proj",
        "backbone.stages.#.blocks.#.output",
    ),
    (
        "pretrained.model.layers.#.blocks.#.attn.cpb_mlp",
        "backbone.stages.#.blocks.#.position_mlp",
    ),
    (
        "pretrained.model.layers.#.blocks.#.attn",
        "backbone.stages.#.blocks.#",
    ),
    (
        "pretrained.model.layers.#.blocks.#.mlp",
        "backbone.stages.#.blocks.#",
    ),
    ("pretrained.model.layers.#", "backbone.stages.#"),
];

/// timm's VisionTransformer and Beit.
const ISL_TIMM: &[Rule] = &[
    (
        "pretrained.model.blocks.#.attn.qkv",
        "backbone.blocks.#.{query,key,value}",
    ),
    (
        "pretrained.model.blocks.#.attn.q_bias",
        "backbone.blocks.#.query.bias",
    ),
    (
        "pretrained.model.blocks.#.attn.v_bias",
        "backbone.blocks.#.value.bias",
    ),
    (
        "pretrained.model.blocks.#.attn.proj",
        "backbone.blocks.#.output",
    ),
    ("pretrained.model.blocks.#.attn", "backbone.blocks.#"),
    ("pretrained.model.blocks.#.mlp", "backbone.blocks.#"),
    (
        "pretrained.model.blocks.#.gamma_1",
        "backbone.blocks.#.scale1",
    ),
    (
        "pretrained.model.blocks.#.gamma_2",
        "backbone.blocks.#.scale2",
    ),
    ("pretrained.model.pos_embed", "backbone.position_embeddings"),
    ("pretrained.model", "backbone"),
];

const DEPTH_ANYTHING_HEAD: &[Rule] = &[
    ("projects.#", "neck.reassemble.#.projection"),
    ("resize_layers.#", "neck.reassemble.#.resize"),
    ("readout_projects.#.0", "neck.reassemble.#.readout"),
    ("scratch.output_conv1", "head.conv1"),
    ("scratch.output_conv2.0", "head.conv2"),
    ("scratch.output_conv2.2", "head.conv3"),
    ("scratch.sky_output_conv2.0", "head.sky.conv2"),
    ("scratch.sky_output_conv2.2", "head.sky.conv3"),
];

const DINOV2_BACKBONE: &[Rule] = &[
    ("blocks.#.attn.qkv", "backbone.blocks.#.{query,key,value}"),
    ("blocks.#.attn.proj", "backbone.blocks.#.output"),
    ("blocks.#.ls1.gamma", "backbone.blocks.#.scale1"),
    ("blocks.#.ls2.gamma", "backbone.blocks.#.scale2"),
    ("blocks.#.mlp.w12", "backbone.blocks.#.{gate,up}"),
    ("blocks.#.mlp.w3", "backbone.blocks.#.down"),
    ("blocks.#.mlp", "backbone.blocks.#"),
    ("blocks.#", "backbone.blocks.#"),
    ("pos_embed", "backbone.position_embeddings"),
    ("patch_embed.proj", "backbone.patch"),
    ("cls_token", "backbone.cls_token"),
    ("mask_token", "backbone.mask_token"),
    ("norm", "backbone.norm"),
];

const DINOV2_HEAD: &[Rule] = &[
    (
        "decode_head.reassemble_blocks.projects.#.conv",
        "neck.reassemble.#.projection",
    ),
    (
        "decode_head.reassemble_blocks.readout_projects.#.0",
        "neck.reassemble.#.readout",
    ),
    (
        "decode_head.reassemble_blocks.resize_layers.#",
        "neck.reassemble.#.resize",
    ),
    (
        "decode_head.fusion_blocks.#.project.conv",
        "neck.fusion.#.projection",
    ),
    (
        "decode_head.fusion_blocks.#.res_conv_unit1.conv1.conv",
        "neck.fusion.#.unit1.conv1",
    ),
    (
        "decode_head.fusion_blocks.#.res_conv_unit1.conv2.conv",
        "neck.fusion.#.unit1.conv2",
    ),
    (
        "decode_head.fusion_blocks.#.res_conv_unit2.conv1.conv",
        "neck.fusion.#.unit2.conv1",
    ),
    (
        "decode_head.fusion_blocks.#.res_conv_unit2.conv2.conv",
        "neck.fusion.#.unit2.conv2",
    ),
    ("decode_head.convs.#.conv", "neck.convs.#"),
    ("decode_head.project.conv", "head.projection"),
    ("decode_head.conv_depth.head.0", "head.conv1"),
    ("decode_head.conv_depth.head.2", "head.conv2"),
    ("decode_head.conv_depth.head.4", "head.conv3"),
];
