// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::temporal::{Alignment, align};

use super::scene::Random;

/// `count` pairs on the line, of which `share` are anything instead.
fn pairs(count: usize, scale: f32, shift: f32, share: f32, random: &mut Random) -> Vec<(f32, f32)> {
    (0..count)
        .map(|_| {
            let x = 100.0 * random.share();
            if random.share() < share {
                (x, 1000.0 * random.share())
            } else {
                (x, scale * x + shift)
            }
        })
        .collect()
}

fn found(pairs: &[(f32, f32)]) -> Alignment {
    align(pairs, &mut Vec::new()).expect("enough pairs")
}

#[test]
fn scale_and_shift_are_exact_among_outliers() {
    let mut random = Random::new(1);
    for (scale, shift) in [(1.0, 0.0), (0.3, 40.0), (2.5, -90.0), (1.01, 1e4)] {
        for share in [0.0, 0.1, 0.3] {
            let found = found(&pairs(2000, scale, shift, share, &mut random));
            assert!(
                (found.scale / scale - 1.0).abs() < 1e-3
                    && (found.shift - shift).abs() < 0.1 + 1e-4 * shift.abs(),
                "{scale} {shift} with {share}: {found:?}"
            );
        }
    }
}

#[test]
fn hot_pixels_do_not_pull() {
    let mut random = Random::new(2);
    let mut pairs = pairs(1000, 1.7, 3.0, 0.0, &mut random);
    for pair in pairs.iter_mut().step_by(100) {
        *pair = (1e30, -1e30);
    }
    let found = found(&pairs);
    assert!(
        (found.scale - 1.7).abs() < 1e-3 && (found.shift - 3.0).abs() < 0.1,
        "{found:?}"
    );
}

#[test]
fn a_flat_background_does_not_decide_alone() {
    // Two thirds are a background whose values go another way, the others a person in front.
    let mut random = Random::new(5);
    let pairs: Vec<_> = (0..3000)
        .map(|at| {
            let share = random.share();
            if at % 3 == 0 {
                let x = 80.0 + 20.0 * share;
                (x, 0.95 * x + 5.0 + random.normal())
            } else {
                let x = 40.0 * share * share;
                (x, 1.4 * x + 3.0 + random.normal())
            }
        })
        .collect();
    let found = found(&pairs);
    assert!((0.9..1.1).contains(&found.scale), "{found:?}");
}

#[test]
fn noise_does_not_shrink_the_scale() {
    // A regression would find 1 / (1 + 20² / 28.9²) = 0.68.
    let mut random = Random::new(3);
    let pairs: Vec<_> = (0..20_000)
        .map(|_| {
            let x = 100.0 * random.share();
            (x + 20.0 * random.normal(), x + 20.0 * random.normal())
        })
        .collect();
    let found = found(&pairs);
    assert!((found.scale - 1.0).abs() < 0.03, "{found:?}");
    assert!((found.noise / (20.0 * 2f32.sqrt()) - 1.0).abs() < 0.05);
}

#[test]
fn what_tells_nothing_gives_nothing_or_a_shift() {
    let mut scratch = Vec::new();
    assert_eq!(align(&[], &mut scratch), None);
    assert_eq!(align(&[(1.0, 2.0); 10], &mut scratch), None);
    let flat = found(&[(5.0, 8.0); 1000]);
    assert_eq!((flat.scale, flat.shift), (1.0, 3.0));
    let mut random = Random::new(4);
    let unrelated: Vec<_> = (0..1000)
        .map(|_| (random.share(), 10.0 + 5.0 * random.share()))
        .collect();
    assert_eq!(found(&unrelated).scale, 1.0);
    for wild in [f32::MAX, f32::MIN, f32::INFINITY, f32::NAN] {
        if let Some(found) = align(&[(wild, 1.0); 100], &mut scratch) {
            assert!(found.scale.is_finite() && found.shift.is_finite(), "{wild}");
        }
    }
}
