# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""What training minimises. Maps are [N, H, W]; inverse depth, larger is nearer."""
import torch
import torch.nn.functional as F

CAP = 2.5  # in mean absolute deviations; beyond it an error counts a tenth
POINTS = 65536  # of a batch, for the overlap of classes: it has to be sorted


def statistics(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Median and mean absolute deviation of each map, [N, 1, 1] both (Ranftl et al., MiDaS, eq. 5)."""
    flat = values.flatten(1)
    median = flat.median(dim=1, keepdim=True).values
    deviation = (flat - median).abs().mean(dim=1, keepdim=True)
    return median[..., None], deviation[..., None].clamp(min=1e-4)


def normalised(values: torch.Tensor, together: int = 1) -> torch.Tensor:
    """Free of scale and shift; `together` = 2: one scale and shift for maps n and n + N/2, frames of a pair."""
    if together == 1:
        median, deviation = statistics(values)
    else:
        first, second = values.chunk(2)
        median, deviation = (v.repeat(2, 1, 1) for v in statistics(torch.cat((first, second), dim=1)))
    return (values - median) / deviation


def capped(error: torch.Tensor) -> torch.Tensor:
    """Mean of |error|, the far ends damped."""
    size = error.abs()
    return (size.clamp(max=CAP) + 0.1 * (size - CAP).clamp(min=0)).mean()


def gradients(error: torch.Tensor, scales: int = 4) -> torch.Tensor:
    """Multi-scale gradient matching (Li and Snavely, MegaDepth; MiDaS, eq. 11) of an error map."""
    total = error.new_zeros(())
    for _ in range(scales):
        across, down = error[:, :, 1:] - error[:, :, :-1], error[:, 1:] - error[:, :-1]
        total = total + across.abs().clamp(max=CAP).mean() + down.abs().clamp(max=CAP).mean()
        error = F.avg_pool2d(error[:, None], 2)[:, 0]
    return total


def ranking(prediction: torch.Tensor, inverse: torch.Tensor, pairs: int, generator: torch.Generator) -> torch.Tensor:
    """log(1 + exp(-±difference)) over random point pairs whose depths differ by a tenth or more (Chen et al.)."""
    count = inverse[0].numel()
    one, two = torch.randint(count, (2, len(inverse), pairs), generator=generator)
    target, values = inverse.flatten(1), prediction.flatten(1)
    near, far = target.gather(1, one), target.gather(1, two)
    clear = (near - far).abs() > 0.1 * torch.maximum(near, far)
    difference = (values.gather(1, one) - values.gather(1, two)) * (near - far).sign()
    return (F.softplus(-2 * difference) * clear).sum() / clear.sum().clamp(min=1)


def consistency(error: torch.Tensor, grid: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """How much the error at a point of the world changes from one frame to the next; `error` [2N, H, W] of both
    frames under one scale and shift, `grid` and `visible` as data.Reader.batch gives them."""
    first, second = error.chunk(2)
    moved = F.grid_sample(second[:, None], grid, padding_mode="border", align_corners=False)[:, 0]
    change = (first - moved).abs().clamp(max=CAP)
    return (change * visible).sum() / visible.sum().clamp(min=1)


def depth_loss(prediction, batch, weights: dict[str, float], generator) -> dict[str, torch.Tensor]:
    """The weighted terms by name. `prediction` has both frames of pairs one behind the other if `batch` has pairs."""
    pair = "grid" in batch
    inverse = torch.cat((batch["inverse"], batch["inverse_next"])) if pair else batch["inverse"]
    together = 2 if pair else 1
    values = normalised(prediction, together)
    error = values - normalised(inverse, together)
    terms = {"error": capped(error), "gradient": weights["gradient"] * gradients(error)}
    if weights["ranking"]:
        terms["ranking"] = weights["ranking"] * ranking(values, inverse, 512, generator)
    if pair and weights["consistency"]:
        terms["consistency"] = weights["consistency"] * consistency(error, batch["grid"], batch["visible"])
    return terms


def overlap(logits: torch.Tensor, labels: torch.Tensor, ignored: int = 255) -> torch.Tensor:
    """1 - intersection over union, its convex extension to probabilities (Berman et al., The Lovász-Softmax loss, CVPR 2018),
    mean of the classes that a batch has. `logits` [N, C, H, W], `labels` [N, H, W]."""
    known = labels != ignored
    every = max(1, int(known.sum()) // POINTS)
    probabilities = logits.softmax(1).movedim(1, -1)[known][::every]
    labels = labels[known][::every]
    terms = []
    for number in labels.unique():
        true = (labels == number).float()
        error, order = (true - probabilities[:, number]).abs().sort(descending=True)
        true = true[order]
        left = true.sum() - true.cumsum(0)
        index = 1 - left / (true.sum() + (1 - true).cumsum(0))
        terms.append((error * index.diff(prepend=index.new_zeros(1))).sum())
    return torch.stack(terms).mean() if terms else logits.sum() * 0


def class_loss(logits: torch.Tensor, labels: torch.Tensor, weights: dict[str, float]) -> dict[str, torch.Tensor]:
    """The weighted terms by name."""
    terms = {"classes": F.cross_entropy(logits, labels, ignore_index=255)}
    if weights["overlap"]:
        terms["overlap"] = weights["overlap"] * overlap(logits, labels)
    return terms
