# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""What passes between the parts of a model while it runs, at any size it can be made to take."""
from contextlib import ExitStack

import torch
from torch import nn
from transformers import (
    DepthAnythingForDepthEstimation,
    DPTForSemanticSegmentation,
    PreTrainedModel,
    ZoeDepthForDepthEstimation,
)

from .families import Case


def pictures(case: Case, seed: int) -> list[tuple[tuple[int, int], torch.Tensor]]:
    """A random normalised picture [1, 3, height, width] for each of the case's sizes."""
    found = []
    for height, width in case.sizes:
        generator = torch.Generator().manual_seed(seed + height * 10000 + width)
        pixels = torch.rand((1, 3, height, width), generator=generator) * 2 - 1
        found.append(((height, width), pixels))
    return found


def is_classic(model: PreTrainedModel) -> bool:
    """Whether it has DPT's own ViT or hybrid, which transformers runs at square sizes only."""
    return hasattr(model, "dpt")


def last_convolution(model: PreTrainedModel) -> nn.Conv2d:
    """The depth head's last convolution, before its activation."""
    if isinstance(model, DepthAnythingForDepthEstimation):
        return model.head.conv3
    if isinstance(model, ZoeDepthForDepthEstimation):
        return model.relative_head.conv3
    return model.head.head[4]


def stages(model: PreTrainedModel, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Runs the model on pictures [N, 3, height, width] and keeps what passes between its parts.

    embedding [N, 1+T, D], tap.i (as the neck gets them), reassembled.i, fusion.i (coarsest
    first), head [N, 1 or labels, h, w], predicted_depth [N, h, w] or labels (u8).
    """
    found = {}

    def keep(name, value):
        if isinstance(value, (tuple, list)):
            for index, tensor in enumerate(value):
                keep(f"{name}.{index}", tensor)
        else:
            found[name] = value.clone()

    with ExitStack() as hooks:

        def after(module, name, select=lambda output: output):
            handle = module.register_forward_hook(
                lambda _, inputs, output: keep(name, select(output))
            )
            hooks.callback(handle.remove)

        def before(module, change):
            handle = module.register_forward_pre_hook(
                lambda _, inputs, options: change(inputs, options), with_kwargs=True
            )
            hooks.callback(handle.remove)

        def hidden_states(inputs, options):
            return inputs[0] if inputs else options["hidden_states"]

        before(model.neck, lambda inputs, options: keep("tap", hidden_states(inputs, options)))
        if is_classic(model):
            patch = model.config.patch_size
            grid = dict(patch_height=pixels.shape[2] // patch, patch_width=pixels.shape[3] // patch)
            before(model.neck, lambda inputs, options: ((hidden_states(inputs, options),), grid))
            if model.config.is_hybrid:
                before(
                    model.dpt.embeddings,
                    lambda inputs, options: (inputs, dict(interpolate_pos_encoding=True)),
                )
            after(model.dpt.embeddings, "embedding", lambda output: output.last_hidden_states)
        elif model.config.backbone_config.model_type != "swinv2":
            after(getattr(model.backbone, "beit", model.backbone).embeddings, "embedding")
        if model.neck.reassemble_stage is not None:
            after(model.neck.reassemble_stage, "reassembled")
        after(model.neck.fusion_stage, "fusion")
        if isinstance(model, DPTForSemanticSegmentation):
            after(model.head, "head")
        else:
            after(last_convolution(model), "head")
        if isinstance(model, ZoeDepthForDepthEstimation):
            watch_zoedepth(model, after)
        output = model(pixels)
    if isinstance(model, DPTForSemanticSegmentation):
        found["labels"] = found["head"].argmax(dim=1).to(torch.uint8)
    else:
        found["predicted_depth"] = output.predicted_depth
    return found


def watch_zoedepth(model: ZoeDepthForDepthEstimation, after) -> None:
    """Keeps ZoeDepth's own stages; those of a head that is not taken don't appear.

    relative_depth [N, h, w], bottleneck, seed.HEAD and centres.HEAD.i (bin centres), route [N, 2].
    """
    metric = model.metric_head
    after(model.relative_head, "relative_depth", lambda output: output[0])
    after(metric.conv2, "bottleneck")
    if hasattr(metric, "mlp_classifier"):
        after(metric.mlp_classifier, "route")
        regressors, attractors = metric.seed_bin_regressors, metric.attractors
    else:
        name = model.config.bin_configurations[0]["name"]
        regressors, attractors = {name: metric.seed_bin_regressor}, {name: metric.attractors}
    for name, regressor in regressors.items():
        after(regressor, f"seed.{name}", lambda output: output[1])
        for index, attractor in enumerate(attractors[name]):
            after(attractor, f"centres.{name}.{index}", lambda output: output[1])
