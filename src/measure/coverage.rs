// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use crate::frame::NO_CLASS;
use crate::frame::Rect;
use crate::spec::Size;

/// How much of a frame one class covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Covered {
    /// The class's index.
    pub class: u8,
    /// Its share of the frame, above 0 up to 1.
    pub share: f64,
    /// The smallest rectangle of the frame that holds all of it.
    pub rect: Rect,
}

/// First and last column, first and last row.
#[derive(Clone, Copy, Debug)]
struct Extent {
    left: u32,
    right: u32,
    top: u32,
    bottom: u32,
}

const NOWHERE: Extent = Extent {
    left: u32::MAX,
    right: 0,
    top: u32::MAX,
    bottom: 0,
};

/// Measures what classes cover.
#[derive(Clone, Debug)]
pub struct Coverage {
    counts: [u32; 256],
    extents: [Extent; 256],
    found: Vec<Covered>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            counts: [0; 256],
            extents: [NOWHERE; 256],
            found: Vec::with_capacity(256),
        }
    }
}

impl Coverage {
    /// The classes in a map of class indices, largest first. `rows` are those that show the frame.
    /// [`NO_CLASS`] is none.
    pub fn measure<'m>(&mut self, rows: impl Iterator<Item = &'m [u8]>, frame: Size) -> &[Covered] {
        self.counts = [0; 256];
        self.extents = [NOWHERE; 256];
        let (mut width, mut height) = (0, 0);
        for row in rows {
            width = row.len() as u32;
            self.row(row, height);
            height += 1;
        }
        let area = f64::from(width) * f64::from(height);
        self.found.clear();
        for (class, (&count, extent)) in (0..NO_CLASS).zip(self.counts.iter().zip(&self.extents)) {
            if count > 0 {
                let (x, columns) = on_frame(extent.left, extent.right, width, frame.width);
                let (y, rows) = on_frame(extent.top, extent.bottom, height, frame.height);
                self.found.push(Covered {
                    class,
                    share: f64::from(count) / area,
                    rect: Rect {
                        x,
                        y,
                        width: columns,
                        height: rows,
                    },
                });
            }
        }
        self.found
            .sort_unstable_by(|a, b| b.share.total_cmp(&a.share).then(a.class.cmp(&b.class)));
        &self.found
    }

    /// Counts run by run: neighbours mostly have the same class.
    fn row(&mut self, row: &[u8], y: u32) {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            let length = run.len() as u32;
            let class = usize::from(run[0]);
            self.counts[class] += length;
            let extent = &mut self.extents[class];
            extent.left = extent.left.min(x);
            extent.right = extent.right.max(x + length - 1);
            extent.top = extent.top.min(y);
            extent.bottom = y;
            x += length;
        }
    }
}

/// The first of the frame's pixels that map pixels `first` to `last` show, and how many.
fn on_frame(first: u32, last: u32, map: u32, frame: u32) -> (u32, u32) {
    let (map, frame) = (u64::from(map), u64::from(frame));
    let start = u64::from(first) * frame / map;
    let end = ((u64::from(last) + 1) * frame).div_ceil(map);
    (start as u32, (end - start) as u32)
}
