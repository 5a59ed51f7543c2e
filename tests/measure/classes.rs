// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The text of classes.

use gstdptdepth::frame::ADE20K_NAMES;
use gstdptdepth::frame::{NO_CLASS, keep_classes};
use gstdptdepth::measure::{ClassesError, parse_classes};

fn kept(text: &str, labels: &[String]) -> Result<Vec<usize>, ClassesError> {
    let keep = parse_classes(text, labels)?;
    Ok((0..256).filter(|&class| keep[class]).collect())
}

fn ade() -> Vec<String> {
    ADE20K_NAMES.map(str::to_string).to_vec()
}

#[test]
fn names_and_indices_are_kept() {
    let ade = ade();
    assert_eq!(kept("person", &ade), Ok(vec![12]));
    assert_eq!(kept(" Person ;SKY;0; ", &ade), Ok(vec![0, 2, 12]));
    assert_eq!(kept("149", &ade), Ok(vec![149]));
    // As the hubs' files write them.
    let labels = ["door, double door", "Straße", "7", "screen;crt", "door"].map(str::to_string);
    assert_eq!(kept("Door", &labels), Ok(vec![0, 4]));
    assert_eq!(kept("door, double door", &labels), Ok(vec![0]));
    assert_eq!(
        kept("STRASSE", &labels).is_err(),
        kept("straSSe", &labels).is_err()
    );
    assert_eq!(kept("STRAßE", &labels), Ok(vec![1]));
    assert_eq!(kept("screen", &labels), Ok(vec![3]));
    // A class of that name before the index.
    assert_eq!(kept("7", &labels), Ok(vec![2]));
}

#[test]
fn unknown_names_come_with_the_nearest() {
    let ade = ade();
    for (wrong, right) in [
        ("persons", "person"),
        ("buidling", "building"),
        ("Ceilling", "ceiling"),
    ] {
        match kept(&format!("sky;{wrong}"), &ade).unwrap_err() {
            ClassesError::Unknown { name, nearest } => {
                assert_eq!(name, wrong);
                assert_eq!(nearest[0], right, "{nearest:?}");
                assert!(nearest.len() <= 5);
            }
            other => panic!("{other}"),
        }
    }
    let told = kept("xyzzy", &ade).unwrap_err().to_string();
    assert!(
        told.contains("\"xyzzy\"") && told.contains("labels"),
        "{told}"
    );
}

#[test]
fn what_names_no_class_is_an_error() {
    let ade = ade();
    assert!(matches!(
        kept("150", &ade),
        Err(ClassesError::Index { count: 150, .. })
    ));
    let long = "9".repeat(99);
    assert!(matches!(kept(&long, &ade), Err(ClassesError::Index { .. })));
    assert!(matches!(
        kept("-1", &ade),
        Err(ClassesError::Unknown { .. })
    ));
    for empty in ["", " ", ";;"] {
        assert_eq!(kept(empty, &ade), Err(ClassesError::Empty));
    }
    assert!(matches!(
        kept("0", &[]),
        Err(ClassesError::Index { count: 0, .. })
    ));
    assert!(matches!(
        kept("sky", &[]),
        Err(ClassesError::Unknown { .. })
    ));
    // More labels than a byte can count.
    let many: Vec<String> = (0..300).map(|i| format!("class {i}")).collect();
    assert!(kept("class 299", &many).is_err());
    assert!(matches!(
        kept("256", &many),
        Err(ClassesError::Index { count: 256, .. })
    ));
    let hostile = format!("{}\u{0}𝛑", "é".repeat(10_000));
    assert!(kept(&hostile, &ade).is_err());
}

#[test]
fn the_others_become_none() {
    let keep = parse_classes("2;12", &ade()).unwrap();
    let mut map = [0, 2, 12, 255, 13, 2];
    keep_classes(&mut map, &keep);
    assert_eq!(map, [NO_CLASS, 2, 12, NO_CLASS, NO_CLASS, 2]);
}
