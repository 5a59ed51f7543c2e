// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Reading weights. Checkpoints come from strangers: nothing here trusts a length or an offset.

mod tensor;

pub use tensor::Tensor;
