// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Results for frames that are not inferred: the last map, moved with the picture.
//!
//! The movement from each frame to the next is estimated on thumbnails and put together since the
//! frame that was inferred, so that a map is resampled once however old it is.

mod dense;
mod estimator;
mod path;
mod pyramid;
mod search;
mod warp;

use crate::spec::Size;
pub(super) use estimator::Estimator;
use path::Path;
use warp::Warp;

/// Moves maps with the picture.
///
/// Every frame goes through [`Self::step`]. [`Self::mark`] says that the frame just stepped to is
/// being inferred, [`Self::adopt`] that its map is there; [`Self::keyframe`] is all three for those
/// who wait for the map. From then on [`Self::depth`] and [`Self::labels`] make of that map what the
/// newest frame shows.
#[derive(Clone, Debug)]
pub struct Motion {
    map: Size,
    estimator: Estimator,
    /// Since the frame whose map is shown.
    shown: Path,
    /// Since the frame that is being inferred.
    marked: Option<Path>,
    spare: Option<Path>,
    warp: Warp,
}

impl Motion {
    /// For thumbnails of one size and maps of another: of the part of a map that shows the frame.
    /// Sides are at least one.
    pub fn new(thumbnail: Size, map: Size) -> Self {
        let least = |size: Size| Size::new(size.height.max(1), size.width.max(1));
        let (thumbnail, map) = (least(thumbnail), least(map));
        let path = Path::new(thumbnail.width as usize, thumbnail.height as usize);
        Self {
            map,
            estimator: Estimator::new(thumbnail),
            warp: Warp::new(&path, map),
            spare: Some(path.clone()),
            shown: path,
            marked: None,
        }
    }

    /// Rows and columns of the maps.
    pub fn map_size(&self) -> Size {
        self.map
    }

    /// Forgets all frames: after a seek, a scene change, or with a new stream.
    pub fn reset(&mut self) {
        self.estimator.reset();
        self.reset_paths();
    }

    /// Takes the thumbnail of the next frame and estimates what has moved since the last one. One of
    /// the wrong length counts as a frame in which nothing moves.
    pub fn step(&mut self, luma: &[u8]) {
        let Some(flow) = self.estimator.step(luma) else {
            return;
        };
        self.shown.follow(flow);
        if let Some(marked) = &mut self.marked {
            marked.follow(flow);
        }
    }

    /// The newest frame is being inferred. An earlier mark is forgotten.
    pub fn mark(&mut self) {
        self.marked = self.marked.take().or(self.spare.take());
        if let Some(marked) = &mut self.marked {
            marked.restart();
        }
    }

    /// The map of the marked frame is there: from now on it is the one that is moved. Without a mark
    /// nothing happens.
    pub fn adopt(&mut self) {
        if let Some(marked) = self.marked.take() {
            self.spare = Some(std::mem::replace(&mut self.shown, marked));
        }
    }

    /// Takes the thumbnail of the next frame, whose own map is the one that is moved from now on.
    pub fn keyframe(&mut self, luma: &[u8]) {
        self.estimator.start(luma);
        self.reset_paths();
    }

    fn reset_paths(&mut self) {
        self.shown.restart();
        self.spare = self.marked.take().or(self.spare.take());
    }

    /// Whether anything has moved since the frame whose map is shown; if not, the map is as it was.
    pub fn has_moved(&self) -> bool {
        self.shown.moved
    }

    /// `map`, inferred on the frame that was adopted, as the newest frame shows it. What was hidden
    /// there gets the value of the farther thing beside it, what was outside the value of the
    /// nearest edge; values that are not finite move as they are. A map of the wrong length is
    /// copied.
    pub fn depth(&mut self, map: &[f32], larger_is_nearer: bool, out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(map);
        if self.shown.moved && map.len() == self.map.area() {
            self.warp.values(&self.shown, map, larger_is_nearer, out);
        }
    }

    /// The same for class indices.
    pub fn labels(&mut self, map: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(map);
        if self.shown.moved && map.len() == self.map.area() {
            self.warp.labels(&self.shown, map, out);
        }
    }
}
