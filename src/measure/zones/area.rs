// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use crate::frame::MapRef;
use crate::measure::Reading;
use crate::spec::Size;

/// A polygon as stretches of a map's rows.
#[derive(Clone, Debug)]
pub(super) struct Area {
    spans: Vec<Span>,
    pixels: usize,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    row: usize,
    start: usize,
    end: usize,
}

impl Area {
    /// The map's pixels whose centres are inside a polygon of at least one point, whose coordinates
    /// are shares of the map; one pixel where there are none. What self-intersections enclose twice
    /// is outside (the even-odd rule).
    pub(super) fn new(polygon: &[[f64; 2]], size: Size) -> Self {
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let mut spans = Vec::new();
        let mut crossings = Vec::new();
        for row in 0..size.height {
            let y = (f64::from(row) + 0.5) / height;
            crossings.clear();
            for (at, &[x0, y0]) in polygon.iter().enumerate() {
                let [x1, y1] = polygon[(at + 1) % polygon.len()];
                // Half open, so that a corner on the row counts once.
                if (y0 <= y) != (y1 <= y) {
                    crossings.push(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
                }
            }
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.as_chunks::<2>().0 {
                // Centres from the first crossing on, up to before the second.
                let column = |x: f64| (x * width - 0.5).ceil().clamp(0.0, width) as usize;
                let (start, end) = (column(pair[0]), column(pair[1]));
                if start < end {
                    spans.push(Span {
                        row: row as usize,
                        start,
                        end,
                    });
                }
            }
        }
        if spans.is_empty() && size.area() > 0 {
            let mean = |axis: usize| {
                polygon.iter().map(|point| point[axis]).sum::<f64>() / polygon.len() as f64
            };
            let pixel = |place: f64, side: u32| ((place * f64::from(side)) as u32).min(side - 1);
            let start = pixel(mean(0), size.width) as usize;
            spans.push(Span {
                row: pixel(mean(1), size.height) as usize,
                start,
                end: start + 1,
            });
        }
        Self {
            pixels: spans.iter().map(|span| span.end - span.start).sum(),
            spans,
        }
    }

    pub(super) fn pixels(&self) -> usize {
        self.pixels
    }

    /// The map's values inside.
    pub(super) fn spans<'m>(&self, map: &MapRef<'m>) -> impl Iterator<Item = &'m [f32]> {
        let mut rows = map.rows().enumerate().peekable();
        self.spans.iter().filter_map(move |span| {
            while rows.next_if(|(row, _)| *row < span.row).is_some() {}
            let (_, row) = rows.peek()?;
            row.get(span.start..span.end)
        })
    }

    /// How many values are valid, between the narrow limits, and between the wide ones.
    pub(super) fn count(
        &self,
        map: &MapRef<'_>,
        reading: &Reading,
        narrow: (f32, f32),
        wide: (f32, f32),
    ) -> [u32; 3] {
        let mut counts = [0; 3];
        let between = |(low, high): (f32, f32), value: f32| (value >= low) & (value <= high);
        for span in self.spans(map) {
            for &value in span {
                let valid = reading.is_valid(value);
                counts[0] += u32::from(valid);
                counts[1] += u32::from(valid & between(narrow, value));
                counts[2] += u32::from(valid & between(wide, value));
            }
        }
        counts
    }
}
