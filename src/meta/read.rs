// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Result metas read back from buffers. Anybody can have written them: every field is checked.

use super::{DEPTH_META, Region, SEGMENTATION_META};
use crate::spec::{OutputMeaning, Size};
use gst::glib;

/// Why a meta that is there cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A field is missing, of another type, or makes no sense.
    #[error("its field {0} is missing or makes no sense")]
    Field(&'static str),
    /// The values are not as many as the size says.
    #[error("it holds {actual} bytes of values where {expected} are needed for {size}")]
    Length {
        /// What width and height say.
        size: Size,
        /// Bytes for that size.
        expected: usize,
        /// Bytes there are.
        actual: usize,
    },
}

/// The values of a result meta and where they lie.
#[derive(Debug)]
pub struct ReadMap {
    /// Rows and columns of the map.
    pub size: Size,
    /// The part of the frame that the map covers.
    pub region: Region,
    data: gst::Buffer,
}

/// A depth map on a buffer.
#[derive(Debug)]
pub struct DepthMap {
    /// The values and where they lie.
    pub map: ReadMap,
    /// What the values mean.
    pub meaning: OutputMeaning,
    /// The value at the near end of the range shown.
    pub near: f32,
    /// The value at the far end of the range shown.
    pub far: f32,
}

/// The names of classes, and the model that they are of.
#[derive(Debug, Default)]
pub struct Names {
    model: String,
    /// By index.
    pub labels: glib::StrV,
}

impl Names {
    /// Takes over the names of the class map on `buffer` where its model is another one; whether it was.
    pub fn follow(&mut self, buffer: &gst::BufferRef) -> bool {
        let Ok(meta) = gst::meta::CustomMeta::from_buffer(buffer, SEGMENTATION_META) else {
            return false;
        };
        let fields = meta.structure();
        let model = fields.get::<&str>("model").unwrap_or_default();
        if self.model == model && !self.labels.is_empty() {
            return false;
        }
        model.clone_into(&mut self.model);
        self.labels = fields.get("labels").unwrap_or_default();
        true
    }
}

/// The depth map on `buffer`, if there is one.
///
/// # Errors
/// Where the meta does not hold what it should.
pub fn depth(buffer: &gst::BufferRef) -> Option<Result<DepthMap, ReadError>> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, DEPTH_META).ok()?;
    Some(depth_of(meta.structure()))
}

/// The class map on `buffer`, if there is one.
///
/// # Errors
/// Where the meta does not hold what it should.
pub fn segmentation(buffer: &gst::BufferRef) -> Option<Result<ReadMap, ReadError>> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, SEGMENTATION_META).ok()?;
    Some(map_of(meta.structure(), "U8", 1))
}

fn depth_of(fields: &gst::StructureRef) -> Result<DepthMap, ReadError> {
    let map = map_of(fields, "F32", size_of::<f32>())?;
    let meaning = fields.get::<&str>("meaning").ok();
    let meaning = meaning
        .and_then(OutputMeaning::from_nick)
        .filter(|meaning| *meaning != OutputMeaning::Labels)
        .ok_or(ReadError::Field("meaning"))?;
    let end = |name: &'static str| {
        let value = fields.get::<f64>(name);
        value.map(|v| v as f32).map_err(|_| ReadError::Field(name))
    };
    Ok(DepthMap {
        map,
        meaning,
        near: end("near")?,
        far: end("far")?,
    })
}

fn map_of(
    fields: &gst::StructureRef,
    format: &str,
    bytes_per_value: usize,
) -> Result<ReadMap, ReadError> {
    let side = |name: &'static str| {
        let side = fields.get::<i32>(name).ok();
        side.and_then(|side| u32::try_from(side).ok())
            .filter(|side| (1..=u32::from(u16::MAX)).contains(side))
            .ok_or(ReadError::Field(name))
    };
    if fields.get::<&str>("format") != Ok(format) {
        return Err(ReadError::Field("format"));
    }
    let size = Size::new(side("height")?, side("width")?);
    let region = super::transform::region(fields).ok_or(ReadError::Field("region"))?;
    let data = fields
        .get::<gst::Buffer>("data")
        .map_err(|_| ReadError::Field("data"))?;
    let (expected, actual) = (size.area() * bytes_per_value, data.size());
    if actual < expected {
        return Err(ReadError::Length {
            size,
            expected,
            actual,
        });
    }
    Ok(ReadMap { size, region, data })
}

impl ReadMap {
    /// Whether the map covers a whole frame of this size, up to the rounding of scaled regions.
    pub fn covers(&self, frame: Size) -> bool {
        let Region {
            x,
            y,
            width,
            height,
        } = self.region;
        let close = |a: i32, b: u32| (i64::from(a) - i64::from(b)).abs() <= 1;
        x.abs() <= 1 && y.abs() <= 1 && close(width, frame.width) && close(height, frame.height)
    }

    /// Copies the values of a depth map into `values`, row by row.
    ///
    /// # Errors
    /// Where the memory cannot be mapped.
    pub fn read_f32(&self, values: &mut Vec<f32>) -> Result<(), ReadError> {
        let mapped = self.mapped()?;
        let bytes = &mapped[..self.size.area() * size_of::<f32>()];
        values.clear();
        let chunks = bytes.as_chunks::<4>().0.iter();
        values.extend(chunks.map(|bytes| f32::from_ne_bytes(*bytes)));
        Ok(())
    }

    /// Copies the values of a class map into `labels`, row by row.
    ///
    /// # Errors
    /// Where the memory cannot be mapped.
    pub fn read_u8(&self, labels: &mut Vec<u8>) -> Result<(), ReadError> {
        let mapped = self.mapped()?;
        labels.clear();
        labels.extend_from_slice(&mapped[..self.size.area()]);
        Ok(())
    }

    fn mapped(&self) -> Result<gst::BufferMap<'_, gst::buffer::Readable>, ReadError> {
        self.data
            .map_readable()
            .map_err(|_| ReadError::Field("data"))
    }
}
