// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The result of a buffer that is drawn, and why there may be none.

use super::Source;
use crate::frame::{MapRef, ValueRange, keep_classes};
use crate::measure::{ClassesError, parse_classes};
use crate::meta::read::{self, DepthMap, Names, ReadError, ReadMap};
use crate::spec::{OutputMeaning, Size};
use crate::temporal::{RangeMode, RangeTracker};

/// Classes that have a colour where a model names none.
const UNNAMED_CLASSES: usize = 256;

/// What is drawn.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Depth {
        values: MapRef<'a>,
        meaning: OutputMeaning,
        /// Shown as nearest and farthest.
        range: ValueRange,
    },
    Labels {
        size: Size,
        /// 255 where the class is not kept.
        labels: &'a [u8],
        classes: usize,
    },
}

impl Found<'_> {
    pub(super) fn size(&self) -> Size {
        match self {
            Self::Depth { values, .. } => values.size(),
            Self::Labels { size, .. } => *size,
        }
    }
}

/// Why a buffer has nothing to draw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error(
        "Frames carry no result of dptdepth; put dptdepth output=meta before dptrender, with nothing between them that crops, flips or adds borders"
    )]
    Meta,
    #[error(
        "Frames carry no {0}, which source or mode asks for; put a dptdepth with such a model before dptrender"
    )]
    Kind(&'static str),
    #[error("The result meta cannot be used: {0}")]
    Unusable(#[from] ReadError),
    #[error(
        "The result covers only a part of the frame ({0}); put dptrender before what changed the frame"
    )]
    Part(String),
    /// No frame can be drawn: what was asked for is not there.
    #[error(transparent)]
    Classes(#[from] ClassesError),
}

/// Reads results; its memory is used again for each.
pub(super) struct Reader {
    /// The property of this name.
    classes: Option<String>,
    names: Names,
    kept: Option<[bool; 256]>,
    values: Vec<f32>,
    labels: Vec<u8>,
}

impl Reader {
    pub(super) fn new(classes: Option<&str>) -> Self {
        Self {
            classes: classes.map(str::to_string),
            names: Names::default(),
            kept: None,
            values: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Whether classes were asked for by name.
    pub(super) fn names_classes(&self) -> bool {
        self.classes.is_some()
    }

    /// The result to draw on frames of this size.
    pub(super) fn find(
        &mut self,
        buffer: &gst::BufferRef,
        source: Source,
        frame: Size,
    ) -> Result<Found<'_>, Missing> {
        let depth = read::depth(buffer);
        let classes = read::segmentation(buffer);
        let wants_classes = match source {
            Source::Depth => false,
            Source::Segmentation => true,
            Source::Auto => classes.is_some() && (self.names_classes() || depth.is_none()),
        };
        if wants_classes {
            let map = classes.ok_or(Missing::Kind("classes"))??;
            covers(&map, frame)?;
            self.labels(buffer, &map)
        } else {
            let missing = match source {
                Source::Auto => Missing::Meta,
                _ => Missing::Kind("depth"),
            };
            let map = depth.ok_or(missing)??;
            covers(&map.map, frame)?;
            self.depth(&map)
        }
    }

    fn labels(&mut self, buffer: &gst::BufferRef, map: &ReadMap) -> Result<Found<'_>, Missing> {
        let changed = self.names.follow(buffer);
        if let Some(classes) = &self.classes
            && (changed || self.kept.is_none())
        {
            let names: Vec<String> = self.names.labels.iter().map(ToString::to_string).collect();
            self.kept = Some(parse_classes(classes, &names)?);
        }
        map.read_u8(&mut self.labels)?;
        if let Some(kept) = &self.kept {
            keep_classes(&mut self.labels, kept);
        }
        Ok(Found::Labels {
            size: map.size,
            labels: &self.labels,
            classes: match self.names.labels.len() {
                0 => UNNAMED_CLASSES,
                named => named,
            },
        })
    }

    fn depth(&mut self, depth: &DepthMap) -> Result<Found<'_>, Missing> {
        depth.map.read_f32(&mut self.values)?;
        // `read_f32` gives as many values as the size says.
        let values = MapRef::new(&self.values, depth.map.size)
            .map_err(|_| Missing::Unusable(ReadError::Field("data")))?;
        let told = depth.near.is_finite() && depth.far.is_finite() && depth.near != depth.far;
        let range = if told {
            ValueRange {
                near: depth.near,
                far: depth.far,
            }
        } else {
            RangeTracker::new(RangeMode::Frame).update(&values, depth.meaning.larger_is_nearer())
        };
        Ok(Found::Depth {
            values,
            meaning: depth.meaning,
            range,
        })
    }
}

fn covers(map: &ReadMap, frame: Size) -> Result<(), Missing> {
    if map.covers(frame) {
        return Ok(());
    }
    let region = map.region;
    Err(Missing::Part(format!(
        "{}x{} at {},{} of {}x{}",
        region.width, region.height, region.x, region.y, frame.width, frame.height
    )))
}
