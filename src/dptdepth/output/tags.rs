// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the numbers of a metric map are, as a tag of the stream: recordings keep it.

use crate::dptdepth::open::Opened;
use crate::dptdepth::output::stream::Stream;
use crate::dptdepth::settings::Settings;
use gst::prelude::*;
use gst::tags::Comment;

/// Upstream's tags of the stream, and the comment that goes out with them.
#[derive(Default)]
pub(in crate::dptdepth) struct Tags {
    upstream: Option<gst::TagList>,
    comment: Option<String>,
    told: Option<String>,
}

impl Tags {
    /// Forgets what was told of an earlier stream.
    pub(in crate::dptdepth) fn start(&mut self) {
        self.upstream = None;
        self.told = None;
    }

    /// Sets the comment from here on; `None` where pictures are shades.
    pub(in crate::dptdepth) fn set(&mut self, comment: Option<String>) {
        self.comment = comment;
    }

    /// What becomes of a TAG event: a later one of the same scope replaces ours, so it has to say
    /// what ours said.
    pub(in crate::dptdepth) fn pass(
        &mut self,
        event: gst::Event,
        tags: &gst::TagList,
    ) -> gst::Event {
        if tags.scope() != gst::TagScope::Stream {
            return event;
        }
        self.upstream = Some(tags.clone());
        match &self.told {
            Some(_) => self.event(),
            None => event,
        }
    }

    /// The event that is due before the next buffer.
    pub(in crate::dptdepth) fn due(&mut self) -> Option<gst::Event> {
        if self.told == self.comment {
            return None;
        }
        self.told.clone_from(&self.comment);
        Some(self.event())
    }

    /// Upstream's tags with the comment in place of theirs, which tells of another picture.
    fn event(&self) -> gst::Event {
        let mut tags = self.upstream.clone().unwrap_or_default();
        {
            let tags = tags.make_mut();
            tags.set_scope(gst::TagScope::Stream);
            if let Some(comment) = &self.told {
                tags.add::<Comment>(&comment.as_str(), gst::TagMergeMode::Replace);
            }
        }
        gst::event::Tag::new(tags)
    }
}

/// The comment on this stream's pictures, of which `docs/recording.md` tells.
pub(in crate::dptdepth) fn comment(opened: &Opened, stream: &Stream) -> Option<String> {
    if !stream.shows_metres() {
        return None;
    }
    let Settings {
        depth_unit,
        depth_scale,
        depth_shift,
        focal_length,
        ..
    } = opened.settings;
    let unit = gst::glib::EnumValue::from_value(&depth_unit.to_value())
        .map_or_else(String::new, |(_, unit)| unit.nick().to_string());
    // Only letters, digits and these signs: a muxer that writes values in GStreamer's notation quotes
    // and escapes all others.
    let mut comment = format!("dptdepth/unit:{unit}/invalid:0/saturated:65535");
    let numbers = [
        ("depth-scale", depth_scale, 1.0),
        ("depth-shift", depth_shift, 0.0),
        ("focal-length", focal_length, 0.0),
    ];
    for (name, value, unset) in numbers {
        if value != unset {
            comment.push_str(&format!("/{name}:{value}"));
        }
    }
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "_-+.".contains(sign);
    let model = opened.spec.name.replace(|sign| !plain(sign), "_");
    comment.push_str(&format!("/model:{model}"));
    Some(comment)
}
