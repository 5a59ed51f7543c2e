// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pixels, rows and strides: pictures into network inputs, maps back into pictures.
//!
//! Everything here is built once for one set of caps ([`Layout`], [`Fit`]) and then runs once a
//! frame without touching the heap.

mod anaglyph;
mod blur;
mod canvas;
mod color;
mod colormap;
mod colormap_tables;
mod convert;
mod depth;
mod enlarge;
mod error;
mod format;
mod geometry;
mod guided;
mod input;
mod labels;
mod matte;
mod output;
mod paint;
mod palette;
mod palette_tables;
mod pixels;
mod resample;
mod stereo;
mod tensor;
mod thumbnail;
mod upsample;
mod warp;
pub(crate) mod wide;

pub use blur::BlurWriter;
pub use canvas::{Canvas, Drawn, Style};
pub use color::{ColorRange, Matrix};
pub use colormap::{Colormap, Lut};
pub use convert::RgbConverter;
pub use depth::{MapRef, Quantize, ValueRange, quantize};
pub use enlarge::{Upsampler, Upsampling};
pub use error::FrameError;
pub use format::{ChromaSite, Format};
pub use geometry::{Fit, MAX_NETWORK_SIDE, Rect, fit};
pub use input::Preprocessor;
pub use labels::{LabelStyle, NO_CLASS, class_alpha, keep_classes};
pub use matte::{MatteWriter, window_alpha};
pub use output::{Map, MapWriter};
pub use palette::{ADE20K_COLORS, ADE20K_NAMES, palette};
pub use pixels::{FrameMut, FrameRef, Layout, Plane, PlaneMut};
pub use stereo::{Stereo, StereoLayout, StereoWriter};
pub use tensor::{to_f32_nchw, to_f32_nhwc, to_u8_nchw, to_u8_nhwc};
pub use thumbnail::Thumbnail;
