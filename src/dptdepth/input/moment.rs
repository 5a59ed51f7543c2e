// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! When a frame is.

/// A frame's times.
#[derive(Clone, Copy, Debug)]
pub(in crate::dptdepth) struct Moment {
    pub(in crate::dptdepth) pts: Option<gst::ClockTime>,
    pub(in crate::dptdepth) stream_time: Option<gst::ClockTime>,
    pub(in crate::dptdepth) running_time: Option<gst::ClockTime>,
}

impl Moment {
    /// How much later this is than `earlier`; nothing where either has no time.
    pub(in crate::dptdepth) fn since(&self, earlier: Self) -> gst::ClockTime {
        let times = self.running_time.zip(earlier.running_time);
        let times = times.or(self.pts.zip(earlier.pts));
        times.map_or(gst::ClockTime::ZERO, |(now, then)| now.saturating_sub(then))
    }

    /// The times of `buffer` in its segment.
    pub(in crate::dptdepth) fn of(
        buffer: &gst::BufferRef,
        segment: &gst::FormattedSegment<gst::ClockTime>,
    ) -> Self {
        let pts = buffer.pts();
        Self {
            pts,
            stream_time: pts.and_then(|pts| segment.to_stream_time(pts)),
            running_time: pts.and_then(|pts| segment.to_running_time(pts)),
        }
    }
}
