// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use super::colormap_tables::{INFERNO, MAGMA, PLASMA, SPECTRAL, TURBO, VIRIDIS};

/// How depth is coloured. In every map, far is the dark or cold end and near the bright or warm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Colormap {
    /// Black to white.
    Gray,
    /// matplotlib's `inferno`.
    #[default]
    Inferno,
    /// matplotlib's `magma`.
    Magma,
    /// matplotlib's `plasma`.
    Plasma,
    /// matplotlib's `viridis`.
    Viridis,
    /// Google's Turbo.
    Turbo,
    /// ColorBrewer's Spectral with red near: matplotlib's `Spectral_r`, as Depth Anything shows it.
    Spectral,
}

impl Colormap {
    /// The colours; index 0 is far, 255 near.
    pub fn lut(self) -> Lut {
        let table = match self {
            Self::Gray => return Lut(std::array::from_fn(|value| [value as u8; 3])),
            Self::Inferno => &INFERNO,
            Self::Magma => &MAGMA,
            Self::Plasma => &PLASMA,
            Self::Viridis => &VIRIDIS,
            Self::Turbo => &TURBO,
            Self::Spectral => &SPECTRAL,
        };
        Lut(table.map(rgb))
    }
}

/// The RGB colours of 256 values: of depth from far to near, or of class indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lut(pub [[u8; 3]; 256]);

impl Lut {
    /// The colours of classes by index. Indices above the last are black.
    pub fn from_palette(colors: &[[u8; 3]]) -> Self {
        Self(std::array::from_fn(|index| {
            colors.get(index).copied().unwrap_or_default()
        }))
    }
}

/// `0xRRGGBB` as bytes.
pub(super) const fn rgb(value: u32) -> [u8; 3] {
    let [_, red, green, blue] = value.to_be_bytes();
    [red, green, blue]
}
