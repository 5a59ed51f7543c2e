// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{Fit, MAX_NETWORK_SIDE, Rect, fit};
use gstdptdepth::spec::{Borders, ResizePolicy, Size};

use super::picture::random;

const SQUARE: (u32, u32) = (1, 1);
const POLICIES: [ResizePolicy; 6] = [
    ResizePolicy::Minimal,
    ResizePolicy::LowerBound,
    ResizePolicy::UpperBound,
    ResizePolicy::LongerSide,
    ResizePolicy::Squash,
    ResizePolicy::Letterbox,
];

/// One row of `geometry.json`.
#[derive(Debug, serde::Deserialize)]
struct Case {
    policy: ResizePolicy,
    frame: Size,
    target: Size,
    multiple: u32,
    network: Size,
}

/// `geometry.json` holds what transformers and the authors' repositories answer.
#[test]
fn network_sizes_are_the_references() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../data/frame/geometry.json")).unwrap();
    assert!(cases.len() > 500);
    let policies = POLICIES.into_iter().chain([ResizePolicy::Pad]);
    for policy in policies.filter(|policy| *policy != ResizePolicy::Letterbox) {
        let count = cases.iter().filter(|case| case.policy == policy).count();
        assert!(count > 30, "{policy:?}: {count} cases");
    }
    for case in cases {
        let Case {
            policy,
            frame,
            target,
            multiple,
            network,
        } = case;
        let ours = fit(frame, SQUARE, policy, target, multiple).network;
        assert_eq!(
            ours, network,
            "{policy:?} {frame} to {target} by {multiple}"
        );
    }
}

#[test]
fn well_known_sizes() {
    let network = |height, width, policy, side, multiple| {
        fit(
            Size::new(height, width),
            SQUARE,
            policy,
            Size::new(side, side),
            multiple,
        )
        .network
    };
    assert_eq!(
        network(1080, 1920, ResizePolicy::Minimal, 384, 32),
        Size::new(384, 672)
    );
    assert_eq!(
        network(1080, 1920, ResizePolicy::LowerBound, 518, 14),
        Size::new(518, 924)
    );
    assert_eq!(
        network(480, 640, ResizePolicy::LowerBound, 518, 14),
        Size::new(518, 686)
    );
    assert_eq!(
        network(240, 320, ResizePolicy::Minimal, 518, 14),
        Size::new(392, 518)
    );
}

fn any(state: &mut u64) -> (Size, (u32, u32), Size, u32) {
    let mut up_to = |most: u64| (random(state) % most + 1) as u32;
    let multiple = [1, 8, 14, 16, 32][up_to(5) as usize - 1];
    let frame = Size::new(up_to(5000), up_to(9000));
    (
        frame,
        (up_to(4), up_to(3)),
        Size::new(up_to(800), up_to(800)),
        multiple,
    )
}

#[test]
fn sides_are_multiples_within_bounds() {
    let mut state = 3;
    for _ in 0..20_000 {
        let (frame, par, target, multiple) = any(&mut state);
        for policy in POLICIES {
            let Fit {
                network, content, ..
            } = fit(frame, par, policy, target, multiple);
            for (side, start, length) in [
                (network.height, content.y, content.height),
                (network.width, content.x, content.width),
            ] {
                assert!(side > 0 && side.is_multiple_of(multiple) && side <= MAX_NETWORK_SIDE);
                assert!(length > 0 && start + length <= side);
            }
        }
    }
}

/// The aspect ratio is that of the display, up to the rounding of each side.
#[test]
fn aspect_ratios_are_kept() {
    let mut state = 5;
    let mut checked = 0;
    for _ in 0..20_000 {
        let (frame, par, target, multiple) = any(&mut state);
        let shown = f64::from(frame.width) * f64::from(par.0)
            / (f64::from(par.1) * f64::from(frame.height));
        for policy in POLICIES {
            let Fit {
                network, content, ..
            } = fit(frame, par, policy, target, multiple);
            let (error, sides) = match policy {
                ResizePolicy::Squash => continue,
                ResizePolicy::Letterbox => (0.5, Size::new(content.height, content.width)),
                ResizePolicy::Minimal => (f64::from(multiple) / 2.0, network),
                // Rounding up or down to stay on the right side of the target.
                _ => (f64::from(multiple), network),
            };
            if [sides.height, sides.width]
                .iter()
                .any(|&side| side <= multiple || side + multiple > MAX_NETWORK_SIDE)
            {
                continue;
            }
            let (height, width) = (f64::from(sides.height), f64::from(sides.width));
            let error = error + 1e-6;
            assert!(
                (width - error) / (height + error) <= shown
                    && shown <= (width + error) / (height - error),
                "{policy:?} {frame} {par:?} to {target} by {multiple}: {sides}"
            );
            checked += 1;
        }
    }
    assert!(checked > 20_000, "{checked}");
}

#[test]
fn pixel_aspect_ratio_is_that_of_the_display() {
    let target = Size::new(384, 384);
    for policy in POLICIES {
        let narrow = fit(Size::new(288, 384), (2, 1), policy, target, 32);
        let square = fit(Size::new(288, 768), SQUARE, policy, target, 32);
        assert_eq!(
            (narrow.network, narrow.content),
            (square.network, square.content),
            "{policy:?}"
        );
    }
    let odd = fit(
        Size::new(288, 384),
        (0, 0),
        ResizePolicy::Minimal,
        target,
        32,
    );
    assert_eq!(
        odd,
        fit(
            Size::new(288, 384),
            SQUARE,
            ResizePolicy::Minimal,
            target,
            32
        )
    );
}

#[test]
fn extreme_frames_stay_small() {
    let extremes = [
        (Size::new(16, 4096), SQUARE),
        (Size::new(4096, 16), SQUARE),
        (Size::new(16, 16), (u32::MAX, 1)),
        (Size::new(u32::MAX, 1), (1, u32::MAX)),
        (Size::new(0, 0), SQUARE),
    ];
    for (frame, par) in extremes {
        for policy in POLICIES {
            for (target, multiple) in [
                (384, 32),
                (518, 14),
                (0, 14),
                (u32::MAX, 0),
                (1, u32::MAX),
                (4096, 4096),
            ] {
                let Fit {
                    network, content, ..
                } = fit(frame, par, policy, Size::new(target, target), multiple);
                for side in [network.height, network.width, content.height, content.width] {
                    assert!(
                        (1..=MAX_NETWORK_SIDE).contains(&side),
                        "{frame} {policy:?} {network}"
                    );
                }
            }
        }
    }
}

/// `padding.json` holds where transformers and dinov2's `CenterPadding` put zeros.
#[test]
fn padding_is_the_references() {
    type Row = (Size, u32, u32, u32, u32);
    let rows: Vec<Row> = serde_json::from_str(include_str!("../data/frame/padding.json")).unwrap();
    assert!(rows.len() > 5 && rows.iter().any(|row| row.1 != row.3 && row.2 != row.4));
    for (frame, top, left, bottom, right) in rows {
        let padded = fit(frame, SQUARE, ResizePolicy::Pad, Size::new(1, 1), 14);
        let Rect { width, height, .. } = padded.content;
        assert_eq!(Size::new(height, width), frame, "nothing is resized");
        let expected = Borders {
            top,
            left,
            bottom,
            right,
        };
        assert_eq!(padded.borders(), expected, "{frame}");
    }
}

#[test]
fn letterbox_is_centred() {
    let letterbox = fit(
        Size::new(1080, 1920),
        SQUARE,
        ResizePolicy::Letterbox,
        Size::new(384, 384),
        32,
    );
    assert_eq!(letterbox.network, Size::new(384, 384));
    assert_eq!(
        letterbox.content,
        Rect {
            x: 0,
            y: 84,
            width: 384,
            height: 216
        }
    );
    assert_eq!(
        letterbox.content_of(Size::new(192, 192)),
        Rect {
            x: 0,
            y: 42,
            width: 192,
            height: 108
        }
    );
    // Half a row of border does not count as content.
    let content = letterbox.content_of(Size::new(100, 100));
    assert_eq!((content.y, content.height), (22, 56));
}

#[test]
fn points_go_there_and_back() {
    let mut state = 7;
    for _ in 0..2000 {
        let (frame, par, target, multiple) = any(&mut state);
        for policy in POLICIES {
            let fit = fit(frame, par, policy, target, multiple);
            let (x, y) = (f64::from(frame.width) * 0.3, f64::from(frame.height) * 0.9);
            let (to_x, to_y) = fit.to_network(x, y);
            assert!(to_x >= 0.0 && to_x <= f64::from(fit.network.width));
            assert!(to_y >= 0.0 && to_y <= f64::from(fit.network.height));
            let (back_x, back_y) = fit.to_frame(to_x, to_y);
            assert!((back_x - x).abs() < 1e-6 && (back_y - y).abs() < 1e-6);
        }
    }
}
