// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! ZoeDepth's mirrored borders against transformers' processor (`data/frame/zoedepth.py`).

use super::input::preprocess;
use super::picture::{Picture, differences};
use gstdptdepth::frame::{Rect, fit};
use gstdptdepth::spec::{Interpolation, ResizePolicy, Size};

#[test]
fn mirrored_borders_are_the_reference_processors() {
    let photo = Picture::load("photo.png");
    let target = Size::new(96, 128);
    let fit = fit(photo.layout.size, (1, 1), ResizePolicy::Mirror, target, 32);
    let reference = Picture::load("photo-zoedepth.png");
    assert_eq!(fit.network, reference.layout.size);
    let ours = preprocess(&photo, &fit, Interpolation::BilinearPytorch);
    // 8 bits between columns and rows, rounded twice: one level.
    let (worst, _) = differences(&ours, &reference.planes[0].0);
    assert!(worst <= 1, "{worst} levels");
}

#[test]
fn a_map_without_its_mirrored_borders_is_the_frame() {
    // Borders of 3·√(200 / 2) = 30 and 3·√(72 / 2) = 18 pixels.
    let fit = fit(
        Size::new(72, 200),
        (1, 1),
        ResizePolicy::Mirror,
        Size::new(108, 260),
        1,
    );
    assert_eq!(fit.network, Size::new(108, 260));
    let shown = Rect {
        x: 30,
        y: 18,
        width: 200,
        height: 72,
    };
    assert_eq!(fit.content, shown);
    assert_eq!(fit.content_of(fit.network), shown);
}
