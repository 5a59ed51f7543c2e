# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Checkpoints with random weights, and what transformers computes from them (see make_dpt.py).

families  configurations of the published families, with sizes as arguments
toys      the committed cases: a few thousand weights each
full      the published shapes
weights   random values for every tensor, of unit-scale activations
stages    what passes between a model's parts, at any size
files     checkpoint files as the hub has them
"""
