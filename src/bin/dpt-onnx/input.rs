// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a picture to a network's input.

use crate::Failure;
use gstdptdepth::frame::{self, Fit, Format, FrameRef, Layout, Plane, Preprocessor};
use gstdptdepth::model::Model;
use gstdptdepth::spec::Size;
use image::RgbImage;
use std::path::Path;

/// A picture from its file.
pub(crate) fn read(path: &Path) -> Result<RgbImage, Failure> {
    let picture = image::open(path)
        .map_err(|e| format!("cannot read the picture {}: {e}", path.display()))?;
    Ok(picture.to_rgb8())
}

/// How the model's own preprocessing fits a picture of this size.
pub(crate) fn fit(model: &Model, picture: Size) -> Fit {
    let spec = model.spec();
    frame::fit(
        picture,
        (1, 1),
        spec.resize_policy,
        spec.network_size,
        spec.multiple,
    )
}

/// What enters the network, `height × width × 3`.
pub(crate) fn network_input(
    model: &Model,
    fit: &Fit,
    picture: &RgbImage,
) -> Result<Vec<u8>, Failure> {
    let layout = Layout::full_range(Format::Rgb, fit.frame);
    let plane = Plane {
        data: picture.as_raw(),
        stride: picture.width() as usize * 3,
    };
    let frame = FrameRef::new(layout, [plane])?;
    let mut preprocessor = Preprocessor::new(&layout, fit, model.spec().interpolation);
    let mut rgb = vec![0; preprocessor.output_bytes()];
    preprocessor.run(&frame, &mut rgb)?;
    Ok(rgb)
}
