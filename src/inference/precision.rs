// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Numbers that a network is computed in. Input and output stay as they are.

/// The numbers to compute with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The fastest that the hardware computes by itself and that is exact enough for a picture.
    #[default]
    Auto,
    /// 32 bits.
    Fp32,
    /// 16 bits: ten of the fraction, five of the exponent.
    Fp16,
    /// 16 bits: seven of the fraction, eight of the exponent, as many as 32 bits have.
    Bf16,
    /// [`Self::Fp16`] where the graph's own types say so, and 32 bits elsewhere.
    Typed,
}

impl Precision {
    /// The name used in properties and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fp32 => "fp32",
            Self::Fp16 | Self::Typed => "fp16",
            Self::Bf16 => "bf16",
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
