// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The raw map as `GstTensorMeta` (GStreamer 1.26), for elements that take tensors.

use super::{DEPTH_META, SEGMENTATION_META};
use gst::glib;
use gst_analytics::{Tensor, TensorDataType, TensorDimOrder, TensorMeta};

/// The id of a tensor of class indices.
const SEGMENTATION: &str = "dpt-segmentation-out";

/// The id of a depth tensor, which says how its values are to be read. `meaning` is that of
/// [`Depth`](super::Depth).
fn depth_id(meaning: &str) -> &'static str {
    match meaning {
        "metric" => "dpt-metric-depth-out",
        "relative" => "dpt-relative-depth-out",
        _ => "dpt-inverse-relative-depth-out",
    }
}

/// Attaches the values of the result meta `name` of `buffer` once more, as a tensor 1 × height ×
/// width, row by row; they are not copied.
///
/// # Errors
/// If the buffer has no such meta.
pub fn add_tensor(buffer: &mut gst::BufferRef, name: &str) -> Result<(), glib::BoolError> {
    let tensor = tensor(buffer, name).map_err(|e| glib::bool_error!("no tensor: {e}"))?;
    TensorMeta::add(buffer).set([tensor].into());
    Ok(())
}

fn tensor(buffer: &gst::BufferRef, name: &str) -> Result<Tensor, Box<dyn std::error::Error>> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, name)?;
    let fields = meta.structure();
    let side = |field| usize::try_from(fields.get::<i32>(field).unwrap_or(0)).unwrap_or(0);
    let (id, kind) = match name {
        SEGMENTATION_META => (SEGMENTATION, TensorDataType::Uint8),
        _ => (depth_id(fields.get("meaning")?), TensorDataType::Float32),
    };
    debug_assert!([DEPTH_META, SEGMENTATION_META].contains(&name));
    Ok(Tensor::new_simple(
        glib::Quark::from_str(id),
        kind,
        fields.get::<gst::Buffer>("data")?,
        TensorDimOrder::RowMajor,
        &[1, side("height"), side("width")],
    ))
}

/// Says in caps that their buffers carry the tensor of a map: the group `dpt` of the field
/// `tensors`, as elements of GStreamer 1.28 negotiate them.
#[cfg(feature = "v1_28")]
pub fn set_tensor_caps(caps: &mut gst::Caps, meaning: &str, height: u32, width: u32) {
    use gst::prelude::*;

    let side = |length: u32| i32::try_from(length).unwrap_or(i32::MAX).to_send_value();
    let (id, kind) = match meaning {
        "labels" => (SEGMENTATION, "uint8"),
        depth => (depth_id(depth), "float32"),
    };
    let tensor = gst::Caps::builder("tensor/strided")
        .field("tensor-id", id)
        .field("dims-order", "row-major")
        .field(
            "dims",
            gst::Array::from_values([1.to_send_value(), side(height), side(width)]),
        )
        .field("type", kind)
        .build();
    for structure in caps.make_mut().iter_mut() {
        let mut groups = structure
            .get::<gst::Structure>("tensors")
            .unwrap_or_else(|_| gst::Structure::new_empty("tensorgroups"));
        groups.set("dpt", gst::UniqueList::new([tensor.clone()]));
        structure.set("tensors", groups);
    }
}
