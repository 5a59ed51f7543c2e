// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Metres from known distances, and point clouds, of a model whose map is its picture:
//! `tests/data/onnx/u8-nhwc.onnx` gives R/2 + G/4 + B/4 at 48 by 32 pixels, which the tool takes for
//! inverse depth.

use crate::common::pipeline;
use gst::prelude::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WIDTH: u32 = 48;
const HEIGHT: u32 = 32;
/// 1/metres = SCALE · value + SHIFT.
const SCALE: f64 = 1.0 / 256.0;
const SHIFT: f64 = 1.0 / 16.0;

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx/u8-nhwc.onnx")
}

/// A picture of these values in colours of their own, as DIR/picture.png.
fn picture(folder: &Path, value: impl Fn(u32, u32) -> u8) -> PathBuf {
    let path = folder.join("picture.png");
    let picture = image::RgbImage::from_fn(WIDTH, HEIGHT, |x, y| image::Rgb(color(value(x, y))));
    picture.save(&path).unwrap();
    path
}

/// The red-green-blue of which `value` is the model's result.
fn color(value: u8) -> [u8; 3] {
    let spread = (255 - value).min(value).min(9);
    [value, value + spread, value - spread]
}

/// Smooth in both directions; from 40 to 166.
fn slope(x: u32, y: u32) -> u8 {
    (40 + 2 * x + y) as u8
}

fn metres(value: u8) -> f64 {
    (SCALE * f64::from(value) + SHIFT).recip()
}

fn run(picture: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dpt-onnx"))
        .arg("run")
        .arg(picture)
        .arg("-o")
        .arg(picture.parent().unwrap())
        .arg("-m")
        .arg(model())
        .args(["--execution-provider", "cpu"])
        .args(arguments)
        .output()
        .unwrap()
}

fn good(picture: &Path, arguments: &[&str]) -> String {
    let output = run(picture, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn bad(picture: &Path, arguments: &[&str]) -> String {
    let output = run(picture, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn known(x: u32, y: u32) -> String {
    format!("--known={x},{y}={}", metres(slope(x, y)))
}

/// The millimetres of the 16-bit picture that the tool wrote.
fn millimetres(folder: &Path) -> image::ImageBuffer<image::Luma<u16>, Vec<u16>> {
    image::open(folder.join("picture-depth.png"))
        .unwrap()
        .into_luma16()
}

fn calibration(told: &str) -> (f64, f64, &str) {
    let line = told
        .lines()
        .find(|line| line.starts_with("depth-scale="))
        .unwrap();
    let (scale, shift) = line.split_once(' ').unwrap();
    let number = |text: &str| text.split_once('=').unwrap().1.parse().unwrap();
    (number(scale), number(shift), line)
}

#[test]
fn known_distances_give_metres_everywhere_and_numbers_for_the_element() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path(), slope);
    let points = [(3, 2), (45, 30), (20, 9), (31, 17)];
    for count in [2, 4] {
        let arguments: Vec<_> = points[..count].iter().map(|&(x, y)| known(x, y)).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let told = good(&picture, &arguments);
        let (scale, shift, _) = calibration(&told);
        assert!(
            (scale / SCALE - 1.0).abs() < 1e-5 && (shift / SHIFT - 1.0).abs() < 1e-5,
            "{told}"
        );
        assert_eq!(told.contains("met within 0.0 %"), count > 2, "{told}");
        for (x, y, pixel) in millimetres(folder.path()).enumerate_pixels() {
            let expected = 1000.0 * metres(slope(x, y));
            assert!(
                (f64::from(pixel.0[0]) - expected).abs() <= 0.6,
                "{x},{y}: {pixel:?}, {expected}"
            );
        }
    }
    // What was told, pasted into a pipeline.
    let told = good(&picture, &[&known(3, 2), &known(45, 30)]);
    let pipeline = pipeline(&format!(
        "filesrc location={} ! pngdec ! dptdepth execution-provider=cpu model-file={} {} \
         ! video/x-raw,format=GRAY16_LE,width={WIDTH} ! appsink name=sink",
        picture.display(),
        model().display(),
        calibration(&told).2
    ));
    let sink = pipeline
        .by_name("sink")
        .unwrap()
        .downcast::<gst_app::AppSink>()
        .unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink.pull_sample().unwrap();
    let depth = sample.buffer().unwrap().map_readable().unwrap();
    let codes = depth
        .as_chunks::<2>()
        .0
        .iter()
        .map(|code| u16::from_le_bytes(*code));
    assert!(codes.eq(millimetres(folder.path()).into_raw()));
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn points_that_cannot_be_used_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path(), slope);
    let file = picture.to_str().unwrap();
    let cases: [(&[&str], &str); 8] = [
        (&["--known", "3,2=4"], "two known points"),
        // Both have the value 60.
        (&["--known", "10,0=4", "--known", "0,20=2"], "one depth"),
        (&["--known", "0,0=4", "--known", "40,20=4"], "one distance"),
        (&["--known", "0,0=2", "--known", "40,20=4"], "looks nearer"),
        (
            &["--known", "48,0=2", "--known", "40,20=1"],
            "outside the picture of 48 by 32",
        ),
        (&["--known", "0,0=-2"], "more than 0 metres"),
        (&["--known", "0,0=4", "--known", "40,20=1", file], "several"),
        (
            &["--known", "0,0=4", "--depth-scale", "2"],
            "cannot be used with",
        ),
    ];
    for (arguments, part) in cases {
        let stderr = bad(&picture, arguments);
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}

/// A point's x, y, z and its colour.
type Point = ([f32; 3], [u8; 3]);

/// A PLY file's comments and its points.
fn read_ply(path: &Path) -> (Vec<String>, Vec<Point>) {
    const END: &[u8] = b"end_header\n";
    let bytes = std::fs::read(path).unwrap();
    let end = bytes
        .windows(END.len())
        .position(|part| part == END)
        .unwrap()
        + END.len();
    let header = std::str::from_utf8(&bytes[..end]).unwrap();
    let (comments, lines): (Vec<_>, Vec<_>) = header
        .lines()
        .partition(|line| line.starts_with("comment "));
    let count: usize = lines[2]
        .strip_prefix("element vertex ")
        .unwrap()
        .parse()
        .unwrap();
    let rest = "property float x,property float y,property float z,\
        property uchar red,property uchar green,property uchar blue,end_header";
    assert_eq!(lines[..2], ["ply", "format binary_little_endian 1.0"]);
    assert_eq!(lines[3..].join(","), rest);
    let points: Vec<_> = bytes[end..]
        .chunks(15)
        .map(|vertex| {
            let (position, color) = vertex.split_at(12);
            let float = |axis: usize| position.as_chunks::<4>().0[axis];
            let position = [0, 1, 2].map(|axis| f32::from_le_bytes(float(axis)));
            (position, color.try_into().unwrap())
        })
        .collect();
    assert_eq!(points.len(), count);
    (
        comments.iter().map(|line| line.to_string()).collect(),
        points,
    )
}

/// The pinhole camera's point for a pixel at this depth.
fn expected(x: u32, y: u32, depth: f64, focal: f64) -> [f64; 3] {
    let right = (f64::from(x) + 0.5 - f64::from(WIDTH) / 2.0) * depth / focal;
    let down = (f64::from(y) + 0.5 - f64::from(HEIGHT) / 2.0) * depth / focal;
    [right, -down, -depth]
}

fn assert_point(point: [f32; 3], expected: [f64; 3]) {
    for (ours, expected) in point.into_iter().zip(expected) {
        let off = (f64::from(ours) - expected).abs();
        assert!(
            off <= 2e-6 * expected.abs().max(1.0),
            "{point:?} is not {expected:?}"
        );
    }
}

#[test]
fn every_pixel_becomes_a_point_in_metres() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path(), slope);
    let (scale, shift) = (
        format!("--depth-scale={SCALE}"),
        format!("--depth-shift={SHIFT}"),
    );
    // 48 / 2 / tan(90° / 2).
    for lens in ["--focal-length=24", "--fov=90"] {
        let told = good(&picture, &["--ply", "--edge=0", &scale, &shift, lens]);
        let (comments, points) = read_ply(&folder.path().join("picture.ply"));
        assert!(
            told.contains("picture.ply: 1536 points; unit: metres"),
            "{told}"
        );
        for part in [
            "unit: metres",
            "x right, y up, z towards the viewer",
            "picture 48x32, focal length 24.00 pixels (field of view 90.0 degrees)",
        ] {
            assert!(
                comments.iter().any(|line| line.contains(part)),
                "{part}: {comments:?}"
            );
        }
        assert_eq!(points.len(), 48 * 32);
        for (index, (point, rgb)) in (0..).zip(points) {
            let (x, y) = (index % WIDTH, index / WIDTH);
            assert_eq!(rgb, color(slope(x, y)));
            assert_point(point, expected(x, y, metres(slope(x, y)), 24.0));
        }
    }
}

#[test]
fn relative_depth_is_placed_between_near_and_far() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path(), slope);
    let (least, most) = (f64::from(slope(0, 0)), f64::from(slope(47, 31)));
    for (arguments, near, far) in [
        (&[] as &[&str], 1.0, 3.0),
        (&["--near=2", "--far=10"], 2.0, 10.0),
    ] {
        let told = good(
            &picture,
            &[&["--ply", "--stride=5", "--edge=0"], arguments].concat(),
        );
        assert!(told.contains("a guess"), "{told}");
        let (comments, points) = read_ply(&folder.path().join("picture.ply"));
        let lens = "field of view 60.0 degrees, assumed";
        assert!(
            comments.iter().any(|line| line.contains(lens)),
            "{comments:?}"
        );
        assert_eq!(points.len(), 10 * 7);
        for (index, (point, rgb)) in (0..).zip(points) {
            let (x, y) = (index % 10 * 5, index / 10 * 5);
            let share = (f64::from(slope(x, y)) - least) / (most - least);
            let depth = (1.0 / far + share * (1.0 / near - 1.0 / far)).recip();
            assert_eq!(rgb, color(slope(x, y)));
            // 24 / tan 30°.
            assert_point(point, expected(x, y, depth, 24.0 * 3.0f64.sqrt()));
        }
    }
}

#[test]
fn edges_and_what_is_infinitely_far_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path(), |x, _| if x < 24 { 100 } else { 200 });
    let points = |arguments: &[&str]| {
        good(&picture, &[&["--ply"], arguments].concat());
        read_ply(&folder.path().join("picture.ply")).1
    };
    // 1 m and 0.5 m: only the column between them is on an edge.
    assert_eq!(points(&["--depth-scale=0.01"]).len(), 47 * 32);
    assert_eq!(points(&["--depth-scale=0.01", "--edge=0"]).len(), 48 * 32);
    assert_eq!(points(&["--depth-scale=0.01", "--edge=1.1"]).len(), 48 * 32);
    // 1 / (0.01 · 100 − 1) is infinite.
    let near = points(&["--depth-scale=0.01", "--depth-shift=-1", "--edge=0"]);
    assert_eq!(near.len(), 24 * 32);
    assert!(
        near.iter()
            .all(|(point, rgb)| point[0] > 0.0 && *rgb == color(200))
    );
    assert!(points(&["--depth-scale=0.001", "--depth-shift=-1"]).is_empty());
}

#[test]
fn a_map_of_one_value_is_a_flat_cloud() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path(), |_, _| 0);
    good(&picture, &["--ply"]);
    let (_, points) = read_ply(&folder.path().join("picture.ply"));
    assert_eq!(points.len(), 48 * 32);
    assert!(
        points
            .iter()
            .all(|(point, _)| point[2] == points[0].0[2] && point[2].is_finite())
    );
}

#[test]
fn clouds_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path(), slope);
    let cases: [(&[&str], &str); 6] = [
        (
            &["--ply", "--near=3", "--far=2"],
            "--near 3 must be less than --far 2",
        ),
        (
            &["--ply", "--near=1", "--depth-scale=2"],
            "--near and --far place relative",
        ),
        (&["--ply", "--fov=180"], "1 to 170 degrees"),
        (
            &["--ply", "--fov=60", "--focal-length=50"],
            "cannot be used with",
        ),
        (&["--ply", "--stride=0"], "0 is not in 1.."),
        (&["--ply", "--edge=nan"], "0 or more"),
    ];
    for (arguments, part) in cases {
        let stderr = bad(&picture, arguments);
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    let classes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-segmentation");
    let output = Command::new(env!("CARGO_BIN_EXE_dpt-onnx"))
        .args([
            "run",
            "--ply",
            picture.to_str().unwrap(),
            "-o",
            folder.path().to_str().unwrap(),
            "-m",
        ])
        .arg(classes)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("--ply needs depth, but the model gives classes"),
        "{stderr}"
    );
}
