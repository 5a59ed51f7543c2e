// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx`: look into DPT checkpoints, write them as ONNX, run them on pictures.

fn main() {}
