// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Maps as files: pictures, NumPy arrays, portable float maps.

use crate::Failure;
use gstdptdepth::engine::Map;
use gstdptdepth::frame::{
    self, Colormap, Fit, Format, FrameMut, Layout, Lut, MapRef, MapWriter, PlaneMut, Quantize,
    quantize,
};
use gstdptdepth::spec::{ModelSpec, Size};
use gstdptdepth::temporal::{RangeMode, RangeTracker};
use image::{ImageBuffer, Luma};
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Metres of one step in a 16-bit PNG of metric depth.
const UNIT_M: f32 = 0.001;

/// Draws a map in a format with one plane.
fn draw(
    fit: &Fit,
    size: Size,
    map: frame::Map<'_>,
    lut: &Lut,
    format: Format,
    bytes_per_pixel: usize,
) -> Result<Vec<u8>, Failure> {
    let layout = Layout::full_range(format, fit.frame);
    let stride = fit.frame.width as usize * bytes_per_pixel;
    let mut data = vec![0; stride * fit.frame.height as usize];
    let plane = PlaneMut {
        data: &mut data,
        stride,
    };
    let mut out = FrameMut::new(layout, [plane])?;
    MapWriter::new(size, fit, &layout)?.write(map, lut, &mut out)?;
    Ok(data)
}

/// Writes the files of one picture's map into `folder`.
pub(crate) fn write(
    folder: &Path,
    picture: &Path,
    spec: &ModelSpec,
    fit: &Fit,
    size: Size,
    map: &Map,
) -> Result<(), Failure> {
    let to = |suffix: &str| file(folder, picture, suffix);
    let Size { height, width } = fit.frame;
    let color = match map {
        Map::Labels(labels) => {
            let drawn = frame::Map::Labels(labels);
            let lut = Lut::from_palette(&frame::palette(labels_of(spec)));
            let gray = draw(fit, size, drawn, &lut, Format::Gray8, 1)?;
            save::<Luma<u8>>(&to("-labels.png"), width, height, gray)?;
            draw(fit, size, drawn, &lut, Format::Rgb, 3)?
        }
        Map::Depth(values) => {
            let whole = MapRef::new(values, size)?;
            let range = RangeTracker::new(RangeMode::Frame).update(
                &whole.crop(fit.content_of(size))?,
                spec.output.larger_is_nearer(),
            );
            let shades = Quantize::Relative {
                range,
                near_bright: true,
            };
            let mut codes = vec![0; size.area()];
            quantize(&whole, shades, &mut codes)?;
            let lut = Colormap::Inferno.lut();
            let color = draw(fit, size, frame::Map::Depth(&codes), &lut, Format::Rgb, 3)?;
            let metric = spec.output.is_metric();
            if metric {
                quantize(&whole, Quantize::Metric { unit_m: UNIT_M }, &mut codes)?;
            }
            let drawn = if metric {
                frame::Map::DepthWithHoles(&codes)
            } else {
                frame::Map::Depth(&codes)
            };
            let gray = draw(fit, size, drawn, &lut, Format::Gray16, 2)?;
            let gray = gray
                .as_chunks::<2>()
                .0
                .iter()
                .map(|bytes| u16::from_ne_bytes(*bytes))
                .collect();
            save::<Luma<u16>>(&to("-depth.png"), width, height, gray)?;
            write_file(&to(".npy"), |file| write_npy(file, size, values))?;
            write_file(&to(".pfm"), |file| write_pfm(file, size, values))?;
            color
        }
    };
    save::<image::Rgb<u8>>(&to("-color.png"), width, height, color)
}

/// The picture's name with this suffix, in the folder.
pub(crate) fn file(folder: &Path, picture: &Path, suffix: &str) -> PathBuf {
    let stem = picture.file_stem().unwrap_or("picture".as_ref());
    folder.join(format!("{}{suffix}", stem.to_string_lossy()))
}

/// How many classes have a colour.
fn labels_of(spec: &ModelSpec) -> usize {
    match spec.labels.len() {
        0 => frame::ADE20K_NAMES.len(),
        named => named,
    }
}

/// Writes a picture whose format its name tells.
pub(crate) fn save<P>(
    path: &Path,
    width: u32,
    height: u32,
    data: Vec<P::Subpixel>,
) -> Result<(), Failure>
where
    P: image::Pixel + image::PixelWithColorType,
    [P::Subpixel]: image::EncodableLayout,
{
    let picture = ImageBuffer::<P, _>::from_raw(width, height, data)
        .ok_or("the map does not fill the picture")?;
    picture
        .save(path)
        .map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}

/// Makes a file and has it written.
pub(crate) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<fs::File>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    fs::File::create(path)
        .and_then(|file| {
            let mut file = BufWriter::new(file);
            write(&mut file)?;
            file.flush()
        })
        .map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}

/// NumPy's format, version 1.0: a header padded to a multiple of 64 bytes, then the values.
fn write_npy(file: &mut impl std::io::Write, size: Size, values: &[f32]) -> std::io::Result<()> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    let Size { height, width } = size;
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    file.write_all(MAGIC)?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    values
        .iter()
        .try_for_each(|value| file.write_all(&value.to_le_bytes()))
}

/// Portable float map, one channel, little-endian, rows from the bottom up as the format asks.
fn write_pfm(file: &mut impl std::io::Write, size: Size, values: &[f32]) -> std::io::Result<()> {
    write!(file, "Pf\n{} {}\n-1.0\n", size.width, size.height)?;
    for row in values.chunks_exact(size.width as usize).rev() {
        for value in row {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}
