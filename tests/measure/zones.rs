// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The text of zones, and how they change.

use super::numbers::{METRIC, reading};
use gstdptdepth::frame::{MapRef, ValueRange};
use gstdptdepth::measure::{Reading, Report, Sampler, Window, ZoneProblem, Zones, parse_zones};
use gstdptdepth::spec::{OutputMeaning, Size};

const SQUARE: &str = "0.2,0.2 0.8,0.2 0.8,0.8 0.2,0.8";
const SECOND: u64 = 1_000_000_000;

#[test]
fn every_setting_is_read() {
    let text =
        format!(" Front door : {SQUARE} near=0.5 far=2 share=0.25 hold=1.5 ;bed: {SQUARE} far=3;");
    let zones = parse_zones(&text, true).unwrap();
    assert_eq!(zones.len(), 2);
    assert_eq!(zones[0].name, "Front door");
    assert_eq!(
        zones[0].polygon,
        [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]
    );
    let window = |near, far| Window { near, far };
    assert_eq!(zones[0].window, window(0.5, 2.0));
    assert_eq!((zones[0].share, zones[0].hold_ns), (0.25, 1_500_000_000));
    assert_eq!(
        (zones[1].name.as_str(), zones[1].window),
        ("bed", window(0.0, 3.0))
    );
    assert_eq!((zones[1].share, zones[1].hold_ns), (0.05, 500_000_000));
    let relative = parse_zones(&format!("a: {SQUARE} far=0.6"), false).unwrap();
    assert_eq!(relative[0].window, window(1.0, 0.6));
    // Beyond three metres, the sky included.
    let far = parse_zones(&format!("a: {SQUARE} near=3 far=inf"), true).unwrap();
    assert_eq!(far[0].window.far, f64::INFINITY);
}

#[test]
fn errors_say_where_and_what() {
    use ZoneProblem as P;
    let square = |rest: &str| format!("a: {SQUARE} {rest}");
    let cases = [
        (String::new(), true, 1, P::NoZone),
        (" ; ;".into(), true, 1, P::NoZone),
        (format!("{SQUARE} far=2"), true, 1, P::NoName),
        (format!(": {SQUARE} far=2"), true, 1, P::NoName),
        (
            format!("a: {SQUARE} far=2; a: {SQUARE} far=1"),
            true,
            43,
            P::SameName,
        ),
        ("a: 0,0 1,0 far=2".into(), true, 1, P::FewPoints(2)),
        ("a: far=2".into(), true, 1, P::FewPoints(0)),
        ("a: 0,0 0.5,0.5 1,1 far=2".into(), true, 1, P::NoArea),
        ("a: 0,0 1,0 1.2,1 far=2".into(), true, 12, P::Outside),
        ("é: 0,0 1,0 0.5,-0.1 far=2".into(), true, 12, P::Outside),
        ("a: 0,0 1,0 nan,1 far=2".into(), true, 12, P::Word),
        ("a: 0,0 1,0 inf,1 far=2".into(), true, 12, P::Outside),
        ("a: 0,0 1,0 1 far=2".into(), true, 12, P::Word),
        ("a: 0,0 1,0 1,1,1 far=2".into(), true, 12, P::Word),
        ("a: 0,0 1,0 , far=2".into(), true, 12, P::Word),
        (square("far=x"), true, 36, P::Number),
        (square("far=NaN"), true, 36, P::Number),
        (square("far="), true, 36, P::Number),
        (square("depth=1 far=2"), true, 36, P::Word),
        (square("far=2 far=3"), true, 42, P::Twice),
        (square(""), true, 1, P::NoFar { metric: true }),
        (square("near=2"), false, 1, P::NoFar { metric: false }),
        (square("near=-1 far=2"), true, 36, P::Metres),
        (square("far=-inf"), true, 36, P::Metres),
        (square("far=2"), false, 36, P::Position),
        (
            square("near=3 far=2"),
            true,
            36,
            P::EmptyWindow { metric: true },
        ),
        (square("far=0"), true, 36, P::EmptyWindow { metric: true }),
        (
            square("near=0.2 far=0.6"),
            false,
            36,
            P::EmptyWindow { metric: false },
        ),
        (square("far=2 share=0"), true, 42, P::Share),
        (square("far=2 share=1.5"), true, 42, P::Share),
        (square("far=2 hold=-1"), true, 42, P::Hold),
        (square("far=2 hold=inf"), true, 42, P::Hold),
        (
            format!("a: {} far=2", "0.1,0.1 ".repeat(1000)),
            true,
            2052,
            P::ManyPoints,
        ),
    ];
    for (text, metric, at, problem) in cases {
        let error = parse_zones(&text, metric).unwrap_err();
        assert_eq!(
            (error.at, &error.problem),
            (at, &problem),
            "{text:?}: {error}"
        );
        let told = error.to_string();
        assert!(told.starts_with("zones, character "), "{told}");
        assert!(told.len() < 300, "{told}");
    }
    let many: String = (0..65).map(|i| format!("z{i}: {SQUARE} far=2;")).collect();
    assert_eq!(parse_zones(&many, true).unwrap_err().problem, P::ManyZones);
}

#[test]
fn garbage_is_an_error_and_no_panic() {
    // A generator of its own: seeded, so that a failure comes back.
    let alphabet: Vec<char> = "a:;,. =-+e01néfarsholdi\u{0}\n\t\"∞𝛑".chars().collect();
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let mut text = format!("a: {SQUARE} far=0.5; b: {SQUARE} far=0.25 share=1 hold=0");
        for _ in 0..=next(6) {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            if places.is_empty() {
                break;
            }
            let at = places[next(places.len())];
            match next(3) {
                0 => text.insert(at, alphabet[next(alphabet.len())]),
                1 => drop(text.remove(at)),
                _ => text.truncate(at),
            }
        }
        for metric in [false, true] {
            match parse_zones(&text, metric) {
                Ok(zones) => assert!(zones.iter().all(|zone| zone.polygon.len() >= 3)),
                Err(error) => assert!(error.at <= text.chars().count() + 1, "{text:?}: {error}"),
            }
        }
    }
}

/// A map of 10x10 whose first `near` values are 1 and the others 5, in metres.
fn look(zones: &mut Zones, near: usize, time: Option<u64>) -> Report {
    let mut values = [5.0f32; 100];
    values[..near].fill(1.0);
    let map = MapRef::new(&values, Size::new(10, 10)).unwrap();
    zones.update(&map, &reading(METRIC), time, &mut Sampler::default())[0]
}

fn whole_frame(settings: &str) -> Zones {
    Zones::new(parse_zones(&format!("a: 0,0 1,0 1,1 0,1 {settings}"), true).unwrap())
}

#[test]
fn half_of_the_share_keeps_a_zone_occupied() {
    let mut zones = whole_frame("far=2 share=0.2 hold=0");
    for (near, occupied, changed) in [
        (19, false, false),
        (20, true, true),
        (12, true, false),
        (10, true, false),
        (9, false, true),
        (19, false, false),
        (20, true, true),
    ] {
        let report = look(&mut zones, near, Some(0));
        assert_eq!(
            (report.occupied, report.changed),
            (occupied, changed),
            "{near}"
        );
        assert_eq!(report.share, near as f64 / 100.0);
    }
}

#[test]
fn a_wider_window_keeps_a_zone_occupied() {
    let mut zones = whole_frame("near=1 far=3 share=0.5 hold=0");
    let mut at = |metres: f32| {
        let values = [metres; 100];
        let map = MapRef::new(&values, Size::new(10, 10)).unwrap();
        zones.update(&map, &reading(METRIC), Some(0), &mut Sampler::default())[0].occupied
    };
    // 5 % of 2 m: from 0.9 to 3.1.
    for (metres, occupied) in [
        (3.05, false),
        (2.9, true),
        (3.05, true),
        (3.15, false),
        (0.95, false),
        (1.05, true),
        (0.95, true),
        (0.85, false),
    ] {
        assert_eq!(at(metres), occupied, "{metres}");
    }
}

#[test]
fn a_change_must_last() {
    let mut zones = whole_frame("far=2 share=0.2 hold=0.5");
    let mut see = |near, tenths: u64| {
        let report = look(&mut zones, near, Some(tenths * SECOND / 10));
        (report.occupied, report.changed)
    };
    assert_eq!(see(0, 0), (false, false));
    assert_eq!(see(50, 1), (false, false));
    assert_eq!(see(0, 3), (false, false));
    assert_eq!(see(50, 4), (false, false));
    assert_eq!(see(50, 8), (false, false));
    assert_eq!(see(50, 9), (true, true));
    assert_eq!(see(50, 10), (true, false));
    assert_eq!(see(0, 11), (true, false));
    assert_eq!(see(0, 16), (false, true));
    // Backwards, as when a video is played so.
    assert_eq!(see(50, 15), (false, false));
    assert_eq!(see(50, 10), (true, true));
}

#[test]
fn without_a_time_changes_are_news_at_once() {
    let mut zones = whole_frame("far=2 hold=60");
    assert!(look(&mut zones, 50, None).changed);
}

#[test]
fn frames_without_depth_change_nothing() {
    let mut zones = whole_frame("far=2 hold=0");
    assert!(look(&mut zones, 50, Some(0)).occupied);
    let values = [f32::NAN; 100];
    let map = MapRef::new(&values, Size::new(10, 10)).unwrap();
    let report = zones.update(&map, &reading(METRIC), Some(1), &mut Sampler::default())[0];
    assert_eq!(
        (report.occupied, report.changed, report.share),
        (true, false, 0.0)
    );
    assert!(report.nearest.is_nan());
    zones.reset();
    let report = look(&mut zones, 0, Some(2));
    assert_eq!((report.occupied, report.changed), (false, false));
}

#[test]
fn relative_windows_are_positions_in_the_range() {
    let share = |settings: &str, meaning, range: (f32, f32)| {
        let text = format!("a: 0,0 1,0 1,1 0,1 {settings}");
        let mut zones = Zones::new(parse_zones(&text, false).unwrap());
        // 0.5, 1.5 … 9.5
        let values: Vec<f32> = (0..100).map(|at| (at % 10) as f32 + 0.5).collect();
        let map = MapRef::new(&values, Size::new(10, 10)).unwrap();
        let range = ValueRange {
            near: range.0,
            far: range.1,
        };
        let reading = Reading::new(meaning, range);
        zones.update(&map, &reading, None, &mut Sampler::default())[0].share
    };
    let inverse = OutputMeaning::InverseRelative;
    assert_eq!(share("far=0.6", inverse, (10.0, 0.0)), 0.4);
    assert_eq!(share("near=0.4 far=0", inverse, (10.0, 0.0)), 0.4);
    assert_eq!(share("near=0.7 far=0.5", inverse, (10.0, 0.0)), 0.2);
    // What lies beyond an end of the range is at that end.
    assert_eq!(share("far=0.6", inverse, (5.0, 0.0)), 0.7);
    assert_eq!(share("far=0.6", OutputMeaning::Relative, (0.0, 10.0)), 0.4);
    assert_eq!(
        share("near=0.4 far=0", OutputMeaning::Relative, (2.0, 6.0)),
        0.6
    );
}
