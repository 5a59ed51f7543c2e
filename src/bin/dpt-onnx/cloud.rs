// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A picture and its depth as a coloured point cloud: a PLY file.

use crate::Failure;
use crate::cell::Cell;
use gstdptdepth::frame::{Fit, MapRef};
use gstdptdepth::spec::{ModelSpec, OutputMeaning, Size};
use gstdptdepth::temporal::{RangeMode, RangeTracker};
use image::RgbImage;
use std::io::{self, Write};

/// The field of view where the user tells none: that of a camera at 31 mm of a 36 mm film.
const ASSUMED_FOV: f64 = 60.0;
/// More points than this are thinned out where the user gives no stride: what viewers turn smoothly.
const MANY_POINTS: usize = 1_000_000;

#[derive(clap::Args)]
pub(crate) struct CloudArguments {
    /// Write IMAGE.ply too: a point cloud in the picture's colours
    #[arg(long)]
    pub(crate) ply: bool,
    /// Horizontal field of view of the picture, instead of a focal length [for --ply: 60]
    #[arg(long, value_name = "DEGREES", conflicts_with = "focal_length", value_parser = fov)]
    pub(crate) fov: Option<f64>,
    /// Where a cloud of relative inverse depth begins [default: 1]
    #[arg(long, value_name = "DISTANCE", requires = "ply", value_parser = positive)]
    near: Option<f64>,
    /// Where a cloud of relative inverse depth ends [default: 3 times the beginning]
    #[arg(long, value_name = "DISTANCE", requires = "ply", value_parser = positive)]
    far: Option<f64>,
    /// Leave out points where depth jumps by more than this part of itself from one value of the
    /// map to the next (0 = keep them all)
    #[arg(long, value_name = "RATIO", default_value_t = 0.04, requires = "ply", value_parser = not_negative)]
    edge: f64,
    /// Take every Nth pixel of every Nth row [default: 1, more for over a million pixels]
    #[arg(long, value_name = "N", requires = "ply", value_parser = clap::value_parser!(u32).range(1..))]
    stride: Option<u32>,
}

fn number(text: &str, good: impl Fn(f64) -> bool, wanted: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if good(value) => Ok(value),
        _ => Err(format!("it must be {wanted}")),
    }
}

fn fov(text: &str) -> Result<f64, String> {
    let good = |value| (1.0..=170.0).contains(&value);
    number(text, good, "an angle of 1 to 170 degrees")
}

fn positive(text: &str) -> Result<f64, String> {
    let good = |value| value > 0.0 && f64::is_finite(value);
    number(text, good, "a number above 0")
}

fn not_negative(text: &str) -> Result<f64, String> {
    let good = |value| value >= 0.0 && f64::is_finite(value);
    number(text, good, "a number, 0 or more")
}

/// The focal length in pixels of a picture that is `width` pixels wide.
pub(crate) fn focal_of(fov: f64, width: u32) -> f64 {
    f64::from(width) / 2.0 / (fov.to_radians() / 2.0).tan()
}

/// What a cloud is made of.
pub(crate) struct Scene<'a> {
    pub(crate) picture: &'a RgbImage,
    pub(crate) fit: &'a Fit,
    /// What `values` mean, calibration applied.
    pub(crate) spec: &'a ModelSpec,
    pub(crate) map: Size,
    pub(crate) values: &'a [f32],
    /// In pixels of the picture, where it is known.
    pub(crate) focal: Option<f64>,
}

/// Points as PLY stores them, and what is to be said of them.
pub(crate) struct Cloud {
    vertices: Vec<u8>,
    comments: [String; 3],
}

/// Bytes of a vertex: three floats and three colours.
const VERTEX: usize = 15;

impl CloudArguments {
    /// Refuses options that the model has no use for, where its values mean `output`.
    pub(crate) fn check(&self, output: OutputMeaning) -> Result<(), Failure> {
        if self.ply && output == OutputMeaning::Labels {
            return Err("--ply needs depth, but the model gives classes".into());
        }
        if output != OutputMeaning::InverseRelative && (self.near, self.far) != (None, None) {
            return Err(
                "--near and --far place relative inverse depth, but the depth here has its distances"
                    .into(),
            );
        }
        let (near, far) = self.ends();
        if near >= far {
            return Err(format!("--near {near} must be less than --far {far}").into());
        }
        Ok(())
    }

    /// The distances at the ends of relative inverse depth.
    fn ends(&self) -> (f64, f64) {
        let near = self.near.unwrap_or(1.0);
        (near, self.far.unwrap_or(3.0 * near))
    }

    /// The cloud: a point for each pixel that has a depth and lies on no edge, row by row.
    pub(crate) fn cloud(&self, scene: &Scene<'_>) -> Result<Cloud, Failure> {
        let Scene { picture, fit, .. } = *scene;
        let Size { height, width } = fit.frame;
        let focal = scene.focal.unwrap_or(focal_of(ASSUMED_FOV, width));
        let (inverse, depth_comment) = self.inverse_depth(scene)?;
        let stride = self.stride.unwrap_or_else(|| thinning(fit.frame));
        let steepest = if self.edge > 0.0 {
            1.0 + self.edge as f32
        } else {
            f32::INFINITY
        };
        let mut vertices = Vec::new();
        for y in (0..height).step_by(stride as usize) {
            for x in (0..width).step_by(stride as usize) {
                let (column, row) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
                let cell = Cell::at(fit, scene.map, column, row);
                let corners = cell.corners(&inverse);
                let least = corners.into_iter().fold(f32::INFINITY, f32::min);
                let most = corners.into_iter().fold(0.0, f32::max);
                if least <= 0.0 || most > least * steepest {
                    continue;
                }
                let z = f64::from(cell.mix(corners)).recip();
                let right = (column - f64::from(width) / 2.0) / focal * z;
                let down = (row - f64::from(height) / 2.0) / focal * z;
                for coordinate in [right, -down, -z] {
                    vertices.extend_from_slice(&(coordinate as f32).to_le_bytes());
                }
                vertices.extend_from_slice(&picture.get_pixel(x, y).0);
            }
        }
        let assumed = if scene.focal.is_some() {
            ""
        } else {
            ", assumed"
        };
        let fov = 2.0 * (f64::from(width) / 2.0 / focal).atan().to_degrees();
        Ok(Cloud {
            vertices,
            comments: [
                depth_comment,
                "x right, y up, z towards the viewer, camera at the origin; negate y and z for OpenCV's axes"
                    .into(),
                format!(
                    "picture {width}x{height}, focal length {focal:.2} pixels (field of view {fov:.1} degrees{assumed}), \
                     principal point at the centre"
                ),
            ],
        })
    }

    /// The map as inverse distances, in which planes stay planes between its values. 0 is invalid.
    fn inverse_depth(&self, scene: &Scene<'_>) -> Result<(Vec<f32>, String), Failure> {
        let valid = |inverse: f32| {
            if inverse > 0.0 && inverse.is_finite() {
                inverse
            } else {
                0.0
            }
        };
        if scene.spec.output != OutputMeaning::InverseRelative {
            let inverse = scene.values.iter().map(|depth| valid(depth.recip()));
            let comment = match scene.spec.output {
                OutputMeaning::Metric { .. } => "unit: metres",
                _ => "unit: unknown, distances are true up to one factor",
            };
            return Ok((inverse.collect(), comment.into()));
        }
        let (near, far) = self.ends();
        let shown = MapRef::new(scene.values, scene.map)?.crop(scene.fit.content_of(scene.map))?;
        let range = RangeTracker::new(RangeMode::Frame).update(&shown, true);
        let (least, width) = (
            f64::from(range.far),
            f64::from(range.near) - f64::from(range.far),
        );
        let place = |value: &f32| {
            let share = (f64::from(*value) - least) / width;
            valid((far.recip() + share * (near.recip() - far.recip())) as f32)
        };
        let comment = format!(
            "unit: none, relative inverse depth placed from {near} to {far}: distances and angles are a guess"
        );
        Ok((scene.values.iter().map(place).collect(), comment))
    }
}

/// The smallest stride that leaves no more than [`MANY_POINTS`].
fn thinning(frame: Size) -> u32 {
    let points = |stride: u32| {
        frame.width.div_ceil(stride) as usize * frame.height.div_ceil(stride) as usize
    };
    (1..)
        .find(|&stride| points(stride) <= MANY_POINTS)
        .unwrap_or(1)
}

impl Cloud {
    /// What to tell the user, in one line.
    pub(crate) fn summary(&self) -> String {
        let points = self.vertices.len() / VERTEX;
        format!("{points} points; {}", self.comments[0])
    }

    /// Writes a binary little-endian PLY.
    pub(crate) fn write(&self, file: &mut impl Write) -> io::Result<()> {
        writeln!(
            file,
            "ply\nformat binary_little_endian 1.0\ncomment made by dptdepth"
        )?;
        for comment in &self.comments {
            writeln!(file, "comment {comment}")?;
        }
        writeln!(file, "element vertex {}", self.vertices.len() / VERTEX)?;
        for axis in ["x", "y", "z"] {
            writeln!(file, "property float {axis}")?;
        }
        for color in ["red", "green", "blue"] {
            writeln!(file, "property uchar {color}")?;
        }
        writeln!(file, "end_header")?;
        file.write_all(&self.vertices)
    }
}
