// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the frame's size to the network's and back. Nothing else divides by the patch size.

use crate::spec::{Borders, ResizePolicy, Size};

/// Largest side of a network input. Frames of absurd aspect ratios stop here.
pub const MAX_NETWORK_SIDE: u32 = 4096;

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Where a frame lies inside the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fit {
    /// The frame's size.
    pub frame: Size,
    /// The network input's size; both sides are multiples of the patch size.
    pub network: Size,
    /// Where the whole frame lies inside the network's input: all of it, but for letterbox, pad and
    /// mirror, for which it is rounded to whole pixels.
    pub content: Rect,
    /// The size that the frame is resized to before it is resized to `content`, where the model's
    /// reference takes two steps.
    pub halfway: Option<Size>,
    /// Rows and columns of mirrored pixels that the frame gets on each side before it is resized.
    pub mirror: Option<Size>,
}

/// A stretch of one axis, in pixels with half-pixel centres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) start: f64,
    pub(super) length: f64,
}

impl Span {
    /// A whole axis.
    pub(super) fn of(length: f64) -> Self {
        Self { start: 0.0, length }
    }

    /// The same stretch in samples of 2^`sub` pixels whose first one starts at `shift`.
    pub(super) fn subsampled(self, sub: u32, shift: f64) -> Self {
        let pixels = f64::from(1 << sub);
        Self {
            start: self.start / pixels + shift,
            length: self.length / pixels,
        }
    }
}

impl Fit {
    /// For maps that have the frame's own size: every value belongs to one pixel.
    pub const fn identity(frame: Size) -> Self {
        Self::stretched(frame, frame)
    }

    /// A frame that covers all of a network's input, whatever the aspect ratios.
    pub const fn stretched(frame: Size, network: Size) -> Self {
        Self {
            frame,
            network,
            content: Rect {
                x: 0,
                y: 0,
                width: network.width,
                height: network.height,
            },
            halfway: None,
            mirror: None,
        }
    }

    /// What of the network's input shows no frame.
    pub fn borders(&self) -> Borders {
        let Rect {
            x,
            y,
            width,
            height,
        } = self.content;
        Borders {
            top: y,
            left: x,
            bottom: self.network.height - y - height,
            right: self.network.width - x - width,
        }
    }

    /// The borders that models trained with `policy` see as zeros.
    pub fn zero_borders(&self, policy: ResizePolicy) -> Borders {
        match policy {
            ResizePolicy::Pad => self.borders(),
            _ => Borders::default(),
        }
    }

    /// How much wider the frame lies in the network's input than it is.
    pub fn zoom(&self) -> f64 {
        f64::from(self.content.width) / f64::from(self.frame.width)
    }

    /// The point of the network's input that shows `(x, y)` of the frame. Pixel centres lie at
    /// halves.
    pub fn to_network(&self, x: f64, y: f64) -> (f64, f64) {
        let Rect {
            x: left,
            y: top,
            width,
            height,
        } = self.content;
        (
            f64::from(left) + x * f64::from(width) / f64::from(self.frame.width),
            f64::from(top) + y * f64::from(height) / f64::from(self.frame.height),
        )
    }

    /// The point of the frame that `(x, y)` of the network's input shows: the inverse of
    /// [`Self::to_network`].
    pub fn to_frame(&self, x: f64, y: f64) -> (f64, f64) {
        let Rect {
            x: left,
            y: top,
            width,
            height,
        } = self.content;
        (
            (x - f64::from(left)) * f64::from(self.frame.width) / f64::from(width),
            (y - f64::from(top)) * f64::from(self.frame.height) / f64::from(height),
        )
    }

    /// The pixels of a map of size `map` that show the frame and no border, at least one.
    pub fn content_of(&self, map: Size) -> Rect {
        let whole = |start: u32, length: u32, network: u32, map: u32| {
            let on_map = |position: u32| u64::from(position) * u64::from(map);
            let first = on_map(start).div_ceil(u64::from(network)) as u32;
            let end = (on_map(start + length) / u64::from(network)) as u32;
            let first = first.min(map.saturating_sub(1));
            (first, end.max(first + 1) - first)
        };
        let Rect {
            x,
            y,
            width,
            height,
        } = self.content;
        let (x, width) = whole(x, width, self.network.width, map.width);
        let (y, height) = whole(y, height, self.network.height, map.height);
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    /// The columns and rows of the frame that all of the network's input shows, beyond its edges
    /// too, where the frame is mirrored there; corner pixels' centres lie on each other.
    pub(super) fn mirrored(&self) -> Option<(Span, Span)> {
        let border = self.mirror?;
        let span = |side: u32, border: u32, network: u32| {
            let (side, border) = (f64::from(side), f64::from(border));
            let steps = (f64::from(network) - 1.0).max(1.0);
            let scale = (side + 2.0 * border - 1.0) / steps;
            Span {
                start: 0.5 - border - 0.5 * scale,
                length: scale * f64::from(network),
            }
        };
        Some((
            span(self.frame.width, border.width, self.network.width),
            span(self.frame.height, border.height, self.network.height),
        ))
    }

    /// The point of a map of size `map` that shows `(x, y)` of the frame. Pixel centres lie at
    /// halves.
    pub fn to_map(&self, map: Size, x: f64, y: f64) -> (f64, f64) {
        let (columns, rows) = self.spans_of(map);
        (
            columns.start + x * columns.length / f64::from(self.frame.width),
            rows.start + y * rows.length / f64::from(self.frame.height),
        )
    }

    /// The columns and rows of a map of size `map` that show the frame.
    pub(super) fn spans_of(&self, map: Size) -> (Span, Span) {
        if let Some(border) = self.mirror {
            let span = |side: u32, border: u32, map: u32| {
                let scale = f64::from(map) / f64::from(side + 2 * border);
                Span {
                    start: f64::from(border) * scale,
                    length: f64::from(side) * scale,
                }
            };
            return (
                span(self.frame.width, border.width, map.width),
                span(self.frame.height, border.height, map.height),
            );
        }
        let span = |start: u32, length: u32, network: u32, map: u32| {
            let scale = f64::from(map) / f64::from(network);
            Span {
                start: f64::from(start) * scale,
                length: f64::from(length) * scale,
            }
        };
        let Rect {
            x,
            y,
            width,
            height,
        } = self.content;
        (
            span(x, width, self.network.width, map.width),
            span(y, height, self.network.height, map.height),
        )
    }
}

/// Fits frames of one size to the network.
///
/// Minimal, lower and upper bound and squash are `Resize` of isl-org/DPT `dpt/transforms.py`;
/// [`ResizePolicy::Minimal`] is also `get_resize_output_image_size` of transformers'
/// `DPTImageProcessor`. Policies that keep the aspect ratio keep the one on the display
/// (`pixel_aspect_ratio` is width to height). Unlike those, this is total: sides are never zero
/// and never above [`MAX_NETWORK_SIDE`] (rounded down to `multiple`), and the aspect ratio gives way.
pub fn fit(
    frame: Size,
    pixel_aspect_ratio: (u32, u32),
    policy: ResizePolicy,
    target: Size,
    multiple: u32,
) -> Fit {
    let frame = Size::new(frame.height.max(1), frame.width.max(1));
    let multiple = multiple.clamp(1, MAX_NETWORK_SIDE);
    let par = match pixel_aspect_ratio {
        (0, _) | (_, 0) => 1.0,
        (numerator, denominator) => f64::from(numerator) / f64::from(denominator),
    };
    let mirror = (policy == ResizePolicy::Mirror).then(|| {
        let border = |side: u32| ((f64::from(side) / 2.0).sqrt() * 3.0) as u32;
        Size::new(border(frame.height), border(frame.width))
    });
    let around = mirror.unwrap_or(Size::new(0, 0));
    let height = f64::from(frame.height + 2 * around.height);
    let width = f64::from(frame.width + 2 * around.width) * par;
    let (target_height, target_width) = (f64::from(target.height), f64::from(target.width));
    let (scale_height, scale_width) = (target_height / height, target_width / width);
    let side = |value: f64, bound: Bound| constrain(value, multiple, bound);

    let scaled = |scale: f64, bound: fn(f64) -> Bound| {
        Size::new(
            side(scale * height, bound(target_height)),
            side(scale * width, bound(target_width)),
        )
    };
    let whole = |value: f64| (value.round_ties_even() as u32).clamp(1, MAX_NETWORK_SIDE);
    let halfway = (policy == ResizePolicy::LongerSide).then(|| {
        let scale = scale_width.min(scale_height);
        Size::new(whole(scale * height), whole(scale * width))
    });
    let network = match policy {
        ResizePolicy::LongerSide => {
            let Size { height, width } = halfway.unwrap_or(target);
            Size::new(nearest(height, multiple), nearest(width, multiple))
        }
        ResizePolicy::Minimal | ResizePolicy::Mirror => {
            let by_width = (1.0 - scale_width).abs() < (1.0 - scale_height).abs();
            scaled(if by_width { scale_width } else { scale_height }, |_| {
                Bound::None
            })
        }
        ResizePolicy::LowerBound => scaled(scale_width.max(scale_height), Bound::AtLeast),
        ResizePolicy::UpperBound => scaled(scale_width.min(scale_height), Bound::AtMost),
        ResizePolicy::Squash | ResizePolicy::Letterbox => Size::new(
            side(target_height, Bound::None),
            side(target_width, Bound::None),
        ),
        ResizePolicy::Pad => Size::new(
            side(height, Bound::AtLeast(height)),
            side(width, Bound::AtLeast(width)),
        ),
    };
    let content = match policy {
        ResizePolicy::Letterbox => {
            let scale = (f64::from(network.height) / height).min(f64::from(network.width) / width);
            centred(network, scale * height, scale * width)
        }
        ResizePolicy::Pad => centred(network, height, width),
        ResizePolicy::Mirror => centred(
            network,
            f64::from(network.height) * f64::from(frame.height) / height,
            f64::from(network.width) * f64::from(frame.width) * par / width,
        ),
        _ => Rect {
            x: 0,
            y: 0,
            width: network.width,
            height: network.height,
        },
    };
    Fit {
        frame,
        network,
        content,
        halfway: halfway.filter(|&size| size != network),
        mirror,
    }
}

#[derive(Clone, Copy)]
enum Bound {
    None,
    AtLeast(f64),
    AtMost(f64),
}

/// `value` to a multiple, half to even as `np.round` and Python's `round`.
fn constrain(value: f64, multiple: u32, bound: Bound) -> u32 {
    let step = f64::from(multiple);
    let steps = value / step;
    let rounded = match (steps.round_ties_even(), bound) {
        (rounded, Bound::AtLeast(least)) if rounded * step < least => steps.ceil(),
        (rounded, Bound::AtMost(most)) if rounded * step > most => steps.floor(),
        (rounded, _) => rounded,
    };
    (rounded as u32).clamp(1, MAX_NETWORK_SIDE / multiple) * multiple
}

/// Whole pixels to the nearest multiple, halves up.
fn nearest(side: u32, multiple: u32) -> u32 {
    ((side + multiple / 2) / multiple).clamp(1, MAX_NETWORK_SIDE / multiple) * multiple
}

fn centred(network: Size, height: f64, width: f64) -> Rect {
    let side = |value: f64, whole: u32| (value.round() as u32).clamp(1, whole);
    let (height, width) = (side(height, network.height), side(width, network.width));
    Rect {
        x: (network.width - width) / 2,
        y: (network.height - height) / 2,
        width,
        height,
    }
}
