// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{ADE20K_COLORS, ADE20K_NAMES, Colormap, palette};

#[test]
fn near_is_bright_or_warm() {
    let luma = |color: [u8; 3]| {
        0.299 * f64::from(color[0]) + 0.587 * f64::from(color[1]) + 0.114 * f64::from(color[2])
    };
    for map in [
        Colormap::Gray,
        Colormap::Inferno,
        Colormap::Magma,
        Colormap::Plasma,
        Colormap::Viridis,
    ] {
        let colors = map.lut().0;
        assert!(luma(colors[255]) > luma(colors[0]) + 100.0, "{map:?}");
        for pair in colors.windows(2) {
            assert!(luma(pair[1]) > luma(pair[0]) - 2.0, "{map:?}");
        }
    }
    for map in [Colormap::Turbo, Colormap::Spectral] {
        let [far, near] = [map.lut().0[20], map.lut().0[235]];
        assert!(near[0] > near[2] && far[2] > far[0], "{map:?}");
    }
    // As matplotlib prints them.
    assert_eq!(Colormap::Viridis.lut().0[128], [0x20, 0x90, 0x8c]);
    assert_eq!(Colormap::Spectral.lut().0[255], [0x9e, 0x01, 0x42]);
}

#[test]
fn palettes_tell_classes_apart() {
    assert_eq!(
        (ADE20K_NAMES[0], ADE20K_NAMES[12], ADE20K_NAMES[149]),
        ("wall", "person", "flag")
    );
    assert_eq!(
        ADE20K_COLORS[..3],
        [[120, 120, 120], [180, 120, 120], [6, 230, 230]]
    );
    let colors = palette(21);
    assert_eq!(colors, palette(30)[..21]);
    for (index, one) in colors.iter().enumerate() {
        for other in &colors[..index] {
            let distance: u32 = one
                .iter()
                .zip(other)
                .map(|(&a, &b)| u32::from(a.abs_diff(b)))
                .sum();
            assert!(distance > 30, "{one:?} {other:?}");
        }
    }
    assert!(palette(0).is_empty());
}
