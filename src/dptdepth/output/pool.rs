// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where output frames come from.

use crate::dptdepth::CAT;
use crate::dptdepth::error;
use crate::dptdepth::error::Stop;
use gst::prelude::*;
use gst_video::VideoInfo;

/// An active buffer pool for output frames.
pub(in crate::dptdepth) struct Pool(gst::BufferPool);

impl Pool {
    /// Downstream's pool where it offers one that can be configured, else one of our own.
    pub(in crate::dptdepth) fn new(
        src_pad: &gst::Pad,
        caps: &gst::Caps,
        info: &VideoInfo,
    ) -> Result<Self, Stop> {
        let mut query = gst::query::Allocation::new(Some(caps), true);
        if !src_pad.peer_query(&mut query) {
            gst::debug!(CAT, obj = src_pad, "downstream answers no allocation query");
        }
        let size = u32::try_from(info.size()).map_err(|_| error::caps(caps))?;
        let with_video_meta = query
            .find_allocation_meta::<gst_video::VideoMeta>()
            .is_some();
        let offered = query.allocation_pools().next().map(|offer| {
            let (pool, size, min, max) = offer;
            (pool.map(|pool| pool.to_owned()), size, min, max)
        });
        let (their_pool, their_size, min, max) = offered.unwrap_or((None, 0, 2, 0));
        let candidates = their_pool
            .into_iter()
            .map(|pool| (pool, max))
            .chain([(gst_video::VideoBufferPool::new().upcast(), 0)]);
        for (pool, max) in candidates {
            let mut config = pool.config();
            config.set_params(Some(caps), their_size.max(size), min, max);
            if with_video_meta {
                config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
            }
            if pool.set_config(config).is_ok() && pool.set_active(true).is_ok() {
                return Ok(Self(pool));
            }
        }
        Err(error::no_memory(size).into())
    }

    /// A pool of plain memory.
    pub(in crate::dptdepth) fn plain(size: usize) -> Result<Self, Stop> {
        let size = u32::try_from(size).map_err(|_| error::no_memory(u32::MAX))?;
        let pool = gst::BufferPool::new();
        let mut config = pool.config();
        config.set_params(None, size, 2, 0);
        match pool.set_config(config).and_then(|()| pool.set_active(true)) {
            Ok(()) => Ok(Self(pool)),
            Err(_) => Err(error::no_memory(size).into()),
        }
    }

    /// A writable buffer of the negotiated size.
    pub(in crate::dptdepth) fn acquire(&self) -> Result<gst::Buffer, gst::FlowError> {
        self.0.acquire_buffer(None)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.0.set_active(false);
    }
}
