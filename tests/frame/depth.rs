// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{MapRef, Quantize, Rect, ValueRange, quantize};
use gstdptdepth::spec::Size;

fn quantized(values: &[f32], how: Quantize) -> (Vec<u16>, usize) {
    let map = MapRef::new(values, Size::new(1, values.len() as u32)).unwrap();
    let mut out = vec![9; values.len()];
    let invalid = quantize(&map, how, &mut out).unwrap();
    (out, invalid)
}

#[test]
fn relative_values_span_the_codes() {
    let values = [
        2.0,
        4.0,
        3.0,
        1.0,
        9.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];
    let range = ValueRange {
        near: 4.0,
        far: 2.0,
    };
    let bright = quantized(
        &values,
        Quantize::Relative {
            range,
            near_bright: true,
        },
    );
    assert_eq!(bright, (vec![0, 65_535, 32_768, 0, 65_535, 0, 0, 0], 3));
    let dark = quantized(
        &values,
        Quantize::Relative {
            range,
            near_bright: false,
        },
    );
    assert_eq!(dark.0[..5], [65_535, 0, 32_768, 65_535, 0]);
    // Where larger is farther, `near` is the smaller one.
    let range = ValueRange {
        near: 2.0,
        far: 4.0,
    };
    let depth = quantized(
        &values,
        Quantize::Relative {
            range,
            near_bright: true,
        },
    );
    // Infinitely far is the sky, and as far as can be.
    assert_eq!(depth.0, [65_535, 0, 32_768, 65_535, 0, 0, 0, 0]);
    assert_eq!(depth.1, 2);
    for (near, far) in [(3.0, 3.0), (f32::NAN, 1.0), (f32::MAX, f32::MIN)] {
        let range = ValueRange { near, far };
        quantized(
            &values,
            Quantize::Relative {
                range,
                near_bright: true,
            },
        );
    }
}

#[test]
fn metric_values_are_counted_in_units() {
    let values = [
        1.2345,
        0.0,
        -1.0,
        0.0001,
        65.5354,
        80.0,
        f32::NAN,
        f32::INFINITY,
    ];
    let (codes, invalid) = quantized(&values, Quantize::Metric { unit_m: 0.001 });
    // Saturated or less than half a unit, a depth is still valid.
    assert_eq!(codes, [1235, 0, 0, 1, 65_535, 65_535, 0, 65_535]);
    assert_eq!(invalid, 3);
    assert_eq!(
        quantized(&[1.2345], Quantize::Metric { unit_m: 0.01 }).0,
        [123]
    );
}

#[test]
fn maps_can_be_cropped() {
    let values: Vec<f32> = (0..12).map(|index| index as f32).collect();
    let map = MapRef::new(&values, Size::new(3, 4)).unwrap();
    let part = map
        .crop(Rect {
            x: 1,
            y: 1,
            width: 2,
            height: 2,
        })
        .unwrap();
    assert_eq!(
        part.rows().flatten().copied().collect::<Vec<_>>(),
        [5.0, 6.0, 9.0, 10.0]
    );
    assert!(
        map.crop(Rect {
            x: 3,
            y: 0,
            width: 2,
            height: 1
        })
        .is_err()
    );
    assert!(MapRef::new(&values, Size::new(3, 5)).is_err());
}
