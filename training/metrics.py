# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Figures of merit, the same in training and evaluation. Maps are numpy [H, W], inverse depth."""
import cv2
import numpy as np
from scipy.stats import rankdata

POINTS = 20_000  # random point pairs of a picture
FARTHEST = 80.0  # metres; what is farther (the sky too) is left out of errors in depth


def depth(prediction: np.ndarray, inverse: np.ndarray, metric: bool = True) -> dict[str, float]:
    """`inverse`: NaN where unknown. After aligning scale and shift of inverse depth by least squares:
    absrel = mean |depth - true| / true, delta = share with max(depth/true, true/depth) < 1.25.
    rank: Spearman's correlation. pairs: share of random point pairs, depths at least a tenth apart, in the right order."""
    known = np.isfinite(inverse) & (inverse > (1 / FARTHEST if metric else 0))
    if known.sum() < 100:
        return {}
    x, y = prediction[known].astype(np.float64), inverse[known].astype(np.float64)
    scale, shift = np.polyfit(x, y, 1) if np.ptp(x) > 0 else (0.0, y.mean())
    aligned = np.clip(scale * x + shift, y.min(), None)
    ratio = np.maximum(aligned / y, y / aligned)
    random = np.random.default_rng(0)
    one, two = random.integers(len(x), size=(2, POINTS))
    apart = np.abs(y[one] - y[two]) > 0.1 * np.maximum(y[one], y[two])
    right = np.sign(x[one] - x[two]) == np.sign(y[one] - y[two])
    return {
        "absrel": float(np.mean(np.abs(1 / aligned - 1 / y) * y)),
        "delta": float(np.mean(ratio < 1.25)),
        "rank": float(np.corrcoef(rankdata(x), rankdata(y))[0, 1]) if np.ptp(x) > 0 else 0.0,
        "pairs": float(right[apart].mean()) if apart.any() else 1.0,
    }


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure."""
    rows = [row for row in rows if row]
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} if rows else {}


class Confusion:
    """Counts labels to give the mean of intersection over union; 255 is ignored."""

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)

    def add(self, predicted: np.ndarray, labels: np.ndarray) -> None:
        known = labels < len(self.counts)
        flat = labels[known].astype(np.int64) * len(self.counts) + predicted[known]
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)

    def ious(self) -> np.ndarray:
        both = np.diag(self.counts)
        union = self.counts.sum(0) + self.counts.sum(1) - both
        return np.where(union > 0, both / np.maximum(union, 1), np.nan)


class Flicker:
    """Mean change of the normalised map along the optical flow from frame to frame (OPW, Wang et al., FMNet)."""

    def __init__(self) -> None:
        self.flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.last, self.changes = None, []

    def add(self, rgb: np.ndarray, prediction: np.ndarray) -> None:
        """A frame u8 [H, W, 3] and its map of the same size."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        low, high = np.percentile(prediction, (2, 98))
        scale = max(high - low, 1e-6)
        if self.last is not None:
            before, values = self.last
            flow, back = self.flow.calc(grey, before, None), self.flow.calc(before, grey, None)
            y, x = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]].astype(np.float32)
            at = (x + flow[..., 0], y + flow[..., 1])
            sure = np.abs(flow + cv2.remap(back, *at, cv2.INTER_LINEAR)).sum(-1) < 1
            # A cut of the scene has hardly any pixel whose flow leads there and back.
            if sure.mean() > 0.3:
                warped = cv2.remap(values, *at, cv2.INTER_LINEAR)
                self.changes.append(float(np.abs(prediction - warped)[sure].mean() / scale))
        self.last = grey, prediction.astype(np.float32)

    def value(self) -> float:
        return float(np.mean(self.changes))
