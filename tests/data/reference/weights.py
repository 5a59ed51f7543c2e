# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Random values for every tensor. Fresh transformers models have zero class tokens, position
embeddings, biases and bias tables, and equal scales: they would prove nothing."""
import torch
from torch import nn
from transformers import DPTForSemanticSegmentation, ZoeDepthForDepthEstimation

from .families import Case
from .stages import last_convolution, pictures, stages


def randomised(case: Case, seed: int):
    """The case's model with random weights, its output neither dead nor saturated."""
    torch.manual_seed(seed)
    model = case.model().eval()
    with torch.no_grad():
        randomise(model, seed)
        if isinstance(model, ZoeDepthForDepthEstimation):
            spread_routes(model, case, seed)
        if case.half:
            round_to_half(model)
        if not isinstance(model, DPTForSemanticSegmentation):
            generator = torch.Generator().manual_seed(seed)
            side = case.trained
            centre(model, torch.rand((1, 3, side, side), generator=generator) * 2 - 1)
        if case.half:
            round_to_half(model)
    return model


def randomise(model: nn.Module, seed: int) -> None:
    """Random values everywhere, of a size that keeps activations of the order of one."""
    generator = torch.Generator().manual_seed(seed)

    def normal(shape):
        return torch.randn(shape, generator=generator)

    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_var"):
            value = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif name.endswith("logit_scale"):
            # Published ones start at log 10 and are cut off at log 100, as one of several heads is
            # here: a factor of 100 multiplies rounding errors too.
            value = 2.3 + 0.5 * normal(tensor.shape)
            if len(value) > 1:
                value[0] = 4.7
        elif "lambda" in name:
            value = 0.7 + 0.2 * normal(tensor.shape)
        elif name.endswith("running_mean") or name.endswith("bias"):
            value = 0.1 * normal(tensor.shape)
        elif name.endswith("bias_table"):
            value = normal(tensor.shape)
        elif "norm" in name:
            value = 1 + 0.2 * normal(tensor.shape)
        elif "token" in name or "position_embeddings" in name:
            value = 0.5 * normal(tensor.shape)
        else:
            fan_in = tensor[0].numel()
            if "resize" in name and tensor.shape[-1] != 3:
                fan_in = tensor.shape[0]
            value = normal(tensor.shape) * (1.3 / fan_in**0.5)
        tensor.copy_(value)


def round_to_half(model: nn.Module) -> None:
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def centre(model: nn.Module, pixels: torch.Tensor) -> None:
    """Shifts the last convolution so that a fifth of the map is cut off by its ReLU; a sigmoid
    gets its middle, and a spread that uses most of its range."""
    last = last_convolution(model)
    head = stages(model, pixels)["head"].flatten()[:100_000]
    if getattr(model.config, "depth_estimation_type", None) == "metric":
        scale = 1.5 / head.std()
        last.weight *= scale
        last.bias.copy_((last.bias - head.mean()) * scale)
    else:
        last.bias -= head.quantile(0.2)


def spread_routes(model: nn.Module, case: Case, seed: int) -> None:
    """With two ZoeDepth heads, has the first two pictures take one each."""
    if len(model.config.bin_configurations) < 2:
        return
    votes = []
    for _, pixels in pictures(case, seed)[:2]:
        logits = model(pixels).domain_logits[0]
        votes.append(logits[0] - logits[1])
    model.metric_head.mlp_classifier.linear2.bias[0] -= (votes[0] + votes[1]) / 2
