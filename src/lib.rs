// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Live depth and segmentation in GStreamer from dense prediction transformers.
//!
//! `ARCHITECTURE.md` shows the parts and which may use which.

pub mod checkpoint;
pub mod dpt;
pub mod dptdepth;
pub mod dptrender;
pub mod engine;
pub mod frame;
pub mod graph;
pub mod hub;
pub mod inference;
pub mod measure;
pub mod meta;
pub mod model;
pub mod spec;
pub mod temporal;
pub mod video;

#[allow(missing_docs, reason = "the macro's items cannot carry comments")]
mod plugin {
    use gst::glib;

    fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
        crate::meta::register();
        crate::video::register();
        crate::dptdepth::register(plugin)?;
        crate::dptrender::register(plugin)
    }

    gst::plugin_define!(
        dptdepth,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MPL-2.0",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_REPOSITORY"),
        env!("BUILD_REL_DATE")
    );
}

pub use plugin::plugin_register_static;
