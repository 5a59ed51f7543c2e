# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Configurations of the published families, as their conversions to transformers set them."""
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn
from transformers import (
    BeitConfig,
    BitConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTForSemanticSegmentation,
    DPTImageProcessor,
    PreTrainedModel,
    Swinv2Config,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
    ZoeDepthImageProcessor,
)
from transformers.models.zoedepth.modeling_zoedepth import ZoeDepthMLPClassifier

IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


@dataclass
class Case:
    """A model to build, its image processor, and the sizes (height, width) to run it at."""

    model: Callable[[], PreTrainedModel]
    processor: DPTImageProcessor | ZoeDepthImageProcessor
    sizes: list[tuple[int, int]]
    trained: int  # the square size at which nothing is interpolated
    pickled: bool = False  # pytorch_model.bin instead of model.safetensors
    half: bool = False  # weights stored as f16, the reference computed from those in f32
    arguments: list[str] = field(default_factory=list)  # for dpt-onnx


def square(side: int, **options) -> DPTImageProcessor:
    return DPTImageProcessor(size={"height": side, "width": side}, **options)


def classic(config: dict, sizes, kind=DPTForDepthEstimation, **options) -> Case:
    """DPT with its own ViT, or the hybrid of ResNet and ViT."""
    side = config["image_size"]
    return Case(lambda: kind(DPTConfig(**config)), square(side), sizes, side, **options)


def segmentation(config: dict, labels: int, sizes, **options) -> Case:
    config = config | dict(
        use_batch_norm_in_fusion_residual=True, num_labels=labels, use_auxiliary_head=True
    )
    return classic(config, sizes, DPTForSemanticSegmentation, **options)


def hybrid(vit: dict, bit: dict) -> dict:
    bit = BitConfig(
        layer_type="bottleneck", global_padding="same", embedding_dynamic_padding=True,
        out_features=["stage1", "stage2", "stage3"], **bit,
    )
    return vit | dict(is_hybrid=True, backbone_config=bit)


def depth_anything(
    dinov2: dict, taps, neck, fusion, sizes, metric=None, head=32, **options
) -> Case:
    """Depth Anything; `taps` count hidden states from 1, `metric` is the farthest depth."""
    side = dinov2["image_size"]

    def model():
        backbone = Dinov2Config(
            **dinov2, patch_size=14, out_indices=taps,
            apply_layernorm=True, reshape_hidden_states=False,
        )
        return DepthAnythingForDepthEstimation(DepthAnythingConfig(
            backbone_config=backbone, reassemble_hidden_size=backbone.hidden_size,
            neck_hidden_sizes=neck, fusion_hidden_size=fusion, head_hidden_size=head,
            depth_estimation_type="metric" if metric else "relative", max_depth=metric or 1,
        ))

    processor = square(
        side, keep_aspect_ratio=True, ensure_multiple_of=14, do_pad=False, **IMAGENET
    )
    return Case(model, processor, sizes, side, **options)


def dpt_dinov2(dinov2: dict, taps, neck, fusion, sizes, **options) -> Case:
    """DPT heads on DINOv2: no LayerNorm on the taps, one more convolution before the head."""

    def model():
        backbone = Dinov2Config(
            **dinov2, patch_size=14, out_indices=taps,
            apply_layernorm=False, reshape_hidden_states=False,
        )
        model = DPTForDepthEstimation(DPTConfig(
            backbone_config=backbone, neck_hidden_sizes=neck, fusion_hidden_size=fusion,
            use_bias_in_fusion_residual=False, add_projection=True,
        ))
        # transformers makes it 256 wide whatever the configuration says; toys are narrower.
        model.head.projection = nn.Conv2d(fusion, fusion, kernel_size=3, padding=1)
        return model

    # Numbers for pixels of 0 to 255: these checkpoints don't rescale.
    processor = DPTImageProcessor(
        do_resize=False, do_rescale=False, do_pad=True, size_divisor=14,
        image_mean=[123.675, 116.28, 103.53], image_std=[58.395, 57.12, 57.375],
    )
    return Case(model, processor, sizes, dinov2["image_size"], **options)


def beit(config: dict, taps) -> BeitConfig:
    return BeitConfig(
        **config, use_relative_position_bias=True, reshape_hidden_states=False,
        out_features=[f"stage{tap}" for tap in taps],
    )


def dpt_beit(config: dict, taps, neck, fusion, sizes, **options) -> Case:
    """MiDaS 3.1 with BEiT."""
    side = config["image_size"]

    def model():
        return DPTForDepthEstimation(DPTConfig(
            backbone_config=beit(config, taps), neck_hidden_sizes=neck, fusion_hidden_size=fusion,
        ))

    processor = square(side, keep_aspect_ratio=False, ensure_multiple_of=32)
    return Case(model, processor, sizes, side, **options)


def dpt_swinv2(config: dict, fusion, sizes, **options) -> Case:
    """MiDaS 3.1 with Swin V2. Square only, as published; the windows stay those of the config."""
    side = config["image_size"]

    def model():
        backbone = Swinv2Config(**config, out_features=[f"stage{stage}" for stage in range(1, 5)])
        neck = [config["embed_dim"] * 2**stage for stage in range(4)]
        return DPTForDepthEstimation(DPTConfig(
            backbone_config=backbone, neck_hidden_sizes=neck, fusion_hidden_size=fusion,
        ))

    return Case(model, square(side), sizes, side, **options)


def zoedepth(config: dict, taps, heads: list[str], sizes, router=None, **options) -> Case:
    """ZoeDepth with one head ("nyu" has unbounded bins, "kitti" bounded ones), or with both."""
    side = config["image_size"]
    depths = {"nyu": 10.0, "kitti": 80.0}
    bins = options.pop("bins", 64)
    features = options.pop("features", {})
    height, width, multiple = options.pop("picture", (384, 512, 32))

    def model():
        both = len(heads) > 1
        router_sizes = router or dict(hidden_size=128, intermediate_size=1024)
        configurations = [
            # The published single-head KITTI configuration says 10 m, like the one for NYU.
            dict(name=head, n_bins=bins, min_depth=1e-3, max_depth=depths[head])
            if both else dict(name="nyu", n_bins=bins, min_depth=1e-3, max_depth=10.0)
            for head in heads
        ]
        extra = dict(
            num_patch_transformer_layers=4, patch_transformer_num_attention_heads=4,
            **{f"patch_transformer_{name}": size for name, size in router_sizes.items()},
        ) if both else {}
        model = ZoeDepthForDepthEstimation(ZoeDepthConfig(
            backbone_config=beit(config, taps),
            bin_centers_type="normed" if heads == ["kitti"] else "softplus",
            bin_configurations=configurations, **features, **extra,
        ))
        if both:
            # transformers fixes its width at 128, that of the published router.
            width = router_sizes["hidden_size"]
            model.metric_head.mlp_classifier = ZoeDepthMLPClassifier(width, len(heads))
        return model

    processor = ZoeDepthImageProcessor(
        size={"height": height, "width": width}, ensure_multiple_of=multiple
    )
    return Case(model, processor, sizes, side, **options)
