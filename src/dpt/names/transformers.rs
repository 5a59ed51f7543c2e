// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What transformers calls things. Files saved before its version 5 and most after it have the
//! older of two spellings of attention and MLP; both are here.

use super::Rule;

pub(super) const RULES: &[&[Rule]] = &[NECK, HEADS, DPT, BACKBONE, SWIN];

const NECK: &[Rule] = &[
    (
        "neck.reassemble_stage.readout_projects.#.0",
        "neck.reassemble.#.readout",
    ),
    ("neck.reassemble_stage.layers.#", "neck.reassemble.#"),
    (
        "neck.fusion_stage.layers.#.residual_layer1.convolution1",
        "neck.fusion.#.unit1.conv1",
    ),
    (
        "neck.fusion_stage.layers.#.residual_layer1.convolution2",
        "neck.fusion.#.unit1.conv2",
    ),
    (
        "neck.fusion_stage.layers.#.residual_layer1.batch_norm1",
        "neck.fusion.#.unit1.norm1",
    ),
    (
        "neck.fusion_stage.layers.#.residual_layer1.batch_norm2",
        "neck.fusion.#.unit1.norm2",
    ),
    (
        "neck.fusion_stage.layers.#.residual_layer2.convolution1",
        "neck.fusion.#.unit2.conv1",
    ),
    (
        "neck.fusion_stage.layers.#.residual_layer2.convolution2",
        "neck.fusion.#.unit2.conv2",
    ),
    (
        "neck.fusion_stage.layers.#.residual_layer2.batch_norm1",
        "neck.fusion.#.unit2.norm1",
    ),
    (
        "neck.fusion_stage.layers.#.residual_layer2.batch_norm2",
        "neck.fusion.#.unit2.norm2",
    ),
    ("neck.fusion_stage.layers.#", "neck.fusion.#"),
];

const HEADS: &[Rule] = &[
    ("relative_head", "head"),
    ("metric_head", "bins"),
    ("head.head.0", "head.conv1"),
    ("head.head.1", "head.norm"),
    ("head.head.2", "head.conv2"),
    // The third convolution of a depth head, the second of a segmentation head.
    ("head.head.4", "head.conv3"),
];

/// `model_type` dpt without a backbone of its own type.
const DPT: &[Rule] = &[
    (
        "dpt.embeddings.patch_embeddings.projection",
        "backbone.patch",
    ),
    ("dpt.embeddings.projection", "backbone.patch"),
    ("dpt.embeddings.backbone.bit", "backbone.stem"),
    ("dpt.embeddings.backbone._backbone", "backbone.stem"),
    ("dpt.embeddings", "backbone"),
    ("dpt.layernorm", "backbone.norm"),
    (
        "dpt.encoder.layer.#.attention.attention",
        "backbone.blocks.#",
    ),
    (
        "dpt.encoder.layer.#.attention.output.dense",
        "backbone.blocks.#.output",
    ),
    (
        "dpt.encoder.layer.#.intermediate.dense",
        "backbone.blocks.#.fc1",
    ),
    ("dpt.encoder.layer.#.output.dense", "backbone.blocks.#.fc2"),
    (
        "dpt.encoder.layer.#.layernorm_before",
        "backbone.blocks.#.norm1",
    ),
    (
        "dpt.encoder.layer.#.layernorm_after",
        "backbone.blocks.#.norm2",
    ),
];

/// DINOv2 and BEiT backbones.
const BACKBONE: &[Rule] = &[
    (
        "backbone.embeddings.patch_embeddings.projection",
        "backbone.patch",
    ),
    (
        "backbone.beit.embeddings.patch_embeddings.projection",
        "backbone.patch",
    ),
    ("backbone.embeddings.norm", "backbone.patch_norm"),
    ("backbone.embeddings", "backbone"),
    ("backbone.beit.embeddings", "backbone"),
    ("backbone.layernorm", "backbone.norm"),
    (
        "backbone.encoder.layer.#.attention.attention.relative_position_bias",
        "backbone.blocks.#",
    ),
    (
        "backbone.encoder.layer.#.attention.attention",
        "backbone.blocks.#",
    ),
    (
        "backbone.encoder.layer.#.attention.output.dense",
        "backbone.blocks.#.output",
    ),
    (
        "backbone.encoder.layer.#.attention.q_proj",
        "backbone.blocks.#.query",
    ),
    (
        "backbone.encoder.layer.#.attention.k_proj",
        "backbone.blocks.#.key",
    ),
    (
        "backbone.encoder.layer.#.attention.v_proj",
        "backbone.blocks.#.value",
    ),
    (
        "backbone.encoder.layer.#.attention.o_proj",
        "backbone.blocks.#.output",
    ),
    (
        "backbone.encoder.layer.#.intermediate.dense",
        "backbone.blocks.#.fc1",
    ),
    (
        "backbone.encoder.layer.#.output.dense",
        "backbone.blocks.#.fc2",
    ),
    (
        "backbone.encoder.layer.#.mlp.weights_in",
        "backbone.blocks.#.{gate,up}",
    ),
    (
        "backbone.encoder.layer.#.mlp.weights_out",
        "backbone.blocks.#.down",
    ),
    (
        "backbone.encoder.layer.#.mlp.gate_proj",
        "backbone.blocks.#.gate",
    ),
    (
        "backbone.encoder.layer.#.mlp.up_proj",
        "backbone.blocks.#.up",
    ),
    (
        "backbone.encoder.layer.#.mlp.down_proj",
        "backbone.blocks.#.down",
    ),
    ("backbone.encoder.layer.#.mlp", "backbone.blocks.#"),
    (
        "backbone.encoder.layer.#.layernorm_before",
        "backbone.blocks.#.norm1",
    ),
    (
        "backbone.encoder.layer.#.layernorm_after",
        "backbone.blocks.#.norm2",
    ),
    (
        "backbone.encoder.layer.#.layer_scale1.lambda1",
        "backbone.blocks.#.scale1",
    ),
    (
        "backbone.encoder.layer.#.layer_scale2.lambda1",
        "backbone.blocks.#.scale2",
    ),
    (
        "backbone.encoder.layer.#.lambda_1",
        "backbone.blocks.#.scale1",
    ),
    (
        "backbone.encoder.layer.#.lambda_2",
        "backbone.blocks.#.scale2",
    ),
    ("backbone.encoder.layer.#", "backbone.blocks.#"),
    // BEiT as version 5 has it in memory.
    (
        "backbone.beit.layers.#.relative_position_bias",
        "backbone.blocks.#",
    ),
    (
        "backbone.beit.layers.#.attention.q_proj",
        "backbone.blocks.#.query",
    ),
    (
        "backbone.beit.layers.#.attention.k_proj",
        "backbone.blocks.#.key",
    ),
    (
        "backbone.beit.layers.#.attention.v_proj",
        "backbone.blocks.#.value",
    ),
    (
        "backbone.beit.layers.#.attention.o_proj",
        "backbone.blocks.#.output",
    ),
    ("backbone.beit.layers.#.mlp", "backbone.blocks.#"),
    (
        "backbone.beit.layers.#.layernorm_before",
        "backbone.blocks.#.norm1",
    ),
    (
        "backbone.beit.layers.#.layernorm_after",
        "backbone.blocks.#.norm2",
    ),
    (
        "backbone.beit.layers.#.lambda_1",
        "backbone.blocks.#.scale1",
    ),
    (
        "backbone.beit.layers.#.lambda_2",
        "backbone.blocks.#.scale2",
    ),
];

const SWIN: &[Rule] = &[
    (
        "backbone.encoder.layers.#.blocks.#.attention.self.continuous_position_bias_mlp",
        "backbone.stages.#.blocks.#.position_mlp",
    ),
    (
        "backbone.encoder.layers.#.blocks.#.attention.self",
        "backbone.stages.#.blocks.#",
    ),
    (
        "backbone.encoder.layers.#.blocks.#.attention.output.dense",
        "backbone.stages.#.blocks.#.output",
    ),
    (
        "backbone.encoder.layers.#.blocks.#.layernorm_before",
        "backbone.stages.#.blocks.#.norm1",
    ),
    (
        "backbone.encoder.layers.#.blocks.#.layernorm_after",
        "backbone.stages.#.blocks.#.norm2",
    ),
    (
        "backbone.encoder.layers.#.blocks.#.intermediate.dense",
        "backbone.stages.#.blocks.#.fc1",
    ),
    (
        "backbone.encoder.layers.#.blocks.#.output.dense",
        "backbone.stages.#.blocks.#.fc2",
    ),
    (
        "backbone.encoder.layers.#.downsample",
        "backbone.stages.#.downsample",
    ),
];
