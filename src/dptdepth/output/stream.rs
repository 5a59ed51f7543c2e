// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What holds from one CAPS event to the next.

use crate::dptdepth::Between;
use crate::dptdepth::error;
use crate::dptdepth::error::Stop;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::measures::Measures;
use crate::dptdepth::output::render::Renderer;
use crate::dptdepth::output::result::{Results, Shown};
use crate::dptdepth::settings::PlayingSettings;
use crate::dptdepth::streaming::analysis::{Analyser, FrameAnalysis};
use crate::engine::Map;
use crate::frame::{Fit, Layout, Preprocessor};
use crate::spec::Size;
use crate::temporal::Motion;
use crate::video;
use gst_video::{VideoFrameRef, VideoInfo};
use std::sync::Arc;

/// Everything that holds from one CAPS event to the next.
pub(in crate::dptdepth) struct Stream {
    info: VideoInfo,
    layout: Layout,
    /// The ways to fit its frames that there are, the one that is meant first, and the one in use.
    pub(in crate::dptdepth) network_sizes: Vec<Fit>,
    pub(in crate::dptdepth) fit: Fit,
    pub(in crate::dptdepth) caps: gst::Caps,
    pub(in crate::dptdepth) src_caps: Option<gst::Caps>,
    preprocessor: Preprocessor,
    analyser: Analyser,
    motion: Option<Motion>,
    results: Results,
    pub(in crate::dptdepth) renderer: Renderer,
    /// Whether the result has not been shown with any frame yet.
    fresh: bool,
}

/// The result that a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dptdepth) enum ResultOrigin {
    /// One that no frame before it had.
    Own,
    /// That of an earlier frame.
    Earlier,
    /// None.
    None,
}

impl Stream {
    pub(in crate::dptdepth) fn new(
        opened: &Arc<Opened>,
        info: VideoInfo,
        layout: Layout,
        network_sizes: Vec<Fit>,
        size_index: usize,
        caps: gst::Caps,
    ) -> Self {
        let fit = network_sizes[size_index];
        Self {
            preprocessor: preprocessor(opened, &layout, &fit),
            analyser: Analyser::new(&layout),
            motion: None,
            results: Results::new(opened, &fit),
            renderer: Renderer::new(opened, &info, layout),
            info,
            layout,
            network_sizes,
            fit,
            caps,
            src_caps: None,
            fresh: false,
        }
    }

    /// Frames are fitted like this from here on; what is shown stays until the first result of it.
    pub(in crate::dptdepth) fn refit(&mut self, opened: &Opened, fit: Fit) {
        self.preprocessor = preprocessor(opened, &self.layout, &fit);
        self.results.refit(&fit);
        self.fit = fit;
    }

    /// Fills `rgb` with the network's input: `network.height × network.width × 3`.
    pub(in crate::dptdepth) fn preprocess(
        &mut self,
        buffer: &gst::BufferRef,
        rgb: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &self.info)
            .map_err(|_| error::unreadable_frame())?;
        rgb.resize(self.preprocessor.output_bytes(), 0);
        let view = video::read(&frame, self.layout)?;
        Ok(self.preprocessor.run(&view, rgb)?)
    }

    /// Analyses a frame that has just come.
    pub(in crate::dptdepth) fn analyse(
        &mut self,
        buffer: &gst::BufferRef,
        settings: &PlayingSettings,
    ) -> Result<FrameAnalysis, Stop> {
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &self.info)
            .map_err(|_| error::unreadable_frame())?;
        let view = video::read(&frame, self.layout)?;
        Ok(self.analyser.analyse(&view, settings)?)
    }

    /// Notes that the model runs on this frame; returns a copy of its analysis, if that is wanted.
    pub(in crate::dptdepth) fn infers(
        &mut self,
        analysis: &FrameAnalysis,
        copy: bool,
    ) -> Option<FrameAnalysis> {
        self.analyser.infers(analysis);
        copy.then(|| FrameAnalysis {
            luma: self.analyser.copy(&analysis.luma),
            ..*analysis
        })
    }

    /// Memory that is not needed any more.
    pub(in crate::dptdepth) fn recycle(&mut self, analysis: FrameAnalysis) {
        self.analyser.recycle(analysis.luma);
    }

    /// Takes over a run's output; gives back a map whose memory may be used again.
    pub(in crate::dptdepth) fn accept(
        &mut self,
        map: Map,
        size: Size,
        source: Moment,
        analysis: &FrameAnalysis,
        settings: &PlayingSettings,
    ) -> Result<Option<Map>, Stop> {
        self.fresh = true;
        if let Some(motion) = &mut self.motion {
            // Where frames are held, the frame itself comes next, and is the key.
            motion.adopt();
        }
        let luma = (self.analyser.size(), analysis.luma.as_slice());
        self.results
            .accept(map, size, source, luma, analysis.cut, settings)
    }

    /// The running mean change of the maps where nothing moved, in 8-bit levels.
    pub(in crate::dptdepth) fn flicker(&self) -> Option<f32> {
        self.results.flicker()
    }

    /// Brings the movement since the shown result up to this frame; `own`: whether it is of it.
    fn follow(&mut self, analysis: &FrameAnalysis, settings: &PlayingSettings, own: bool) {
        let Some(shown) = self.results.shown() else {
            self.motion = None;
            return;
        };
        if settings.between != Between::Motion {
            self.motion = None;
            return;
        }
        let content = Size::new(shown.content.height, shown.content.width);
        let fits = |motion: &Motion| motion.map_size() == content;
        if !self.motion.as_ref().is_some_and(fits) {
            self.motion = Some(Motion::new(self.analyser.size(), content));
        }
        if let Some(motion) = &mut self.motion {
            if analysis.cut {
                motion.reset();
            }
            if own {
                motion.keyframe(&analysis.luma);
            } else {
                motion.step(&analysis.luma);
            }
        }
    }

    /// The frame that is pushed now is the one that the model runs on.
    pub(in crate::dptdepth) fn mark(&mut self) {
        if let Some(motion) = &mut self.motion {
            motion.mark();
        }
    }

    pub(in crate::dptdepth) fn has_result(&self) -> bool {
        self.results.shown().is_some()
    }

    pub(in crate::dptdepth) fn shown(&self) -> Option<&Shown> {
        self.results.shown()
    }

    /// The buffer to push for `input`, with the result meta, and how it was served. `own`: whether the
    /// result that is shown is of this very frame.
    pub(in crate::dptdepth) fn render(
        &mut self,
        input: gst::Buffer,
        moment: Moment,
        analysis: &FrameAnalysis,
        own: bool,
        settings: &PlayingSettings,
    ) -> Result<(gst::Buffer, ResultOrigin), Stop> {
        let fresh = std::mem::take(&mut self.fresh);
        self.follow(analysis, settings, own);
        let shown = match &mut self.motion {
            Some(motion) if motion.has_moved() => self.results.moved(motion)?,
            _ => self.results.shown(),
        };
        let shown = shown.filter(|_| fresh || settings.between != Between::Drop);
        let origin = match shown {
            None => ResultOrigin::None,
            Some(_) if fresh => ResultOrigin::Own,
            Some(_) => ResultOrigin::Earlier,
        };
        Ok((
            self.renderer.render(input, shown, settings, moment)?,
            origin,
        ))
    }

    /// How long a frame lasts: as it says, else as the caps say.
    pub(in crate::dptdepth) fn duration(&self, buffer: &gst::BufferRef) -> gst::ClockTime {
        buffer.duration().unwrap_or(self.nominal_duration())
    }

    pub(in crate::dptdepth) fn nominal_duration(&self) -> gst::ClockTime {
        let fps = self.info.fps();
        u64::try_from(fps.numer())
            .ok()
            .filter(|&numer| numer > 0)
            .and_then(|numer| {
                let denom = u64::try_from(fps.denom()).ok()?;
                Some(gst::ClockTime::from_nseconds(1_000_000_000 * denom / numer))
            })
            .unwrap_or(gst::ClockTime::from_mseconds(40))
    }

    pub(in crate::dptdepth) fn measures(&mut self) -> &mut Measures {
        self.renderer.measures()
    }

    /// Whether what leaves the element are distances rather than shades.
    pub(in crate::dptdepth) fn shows_metres(&self) -> bool {
        self.renderer.shows_metres()
    }

    /// What was shown is of another scene.
    pub(in crate::dptdepth) fn forget_scene(&mut self) {
        self.fresh = false;
        self.motion = None;
        self.results.forget();
    }

    pub(in crate::dptdepth) fn forget_earlier_frames(&mut self) {
        self.forget_scene();
        self.analyser.forget();
        self.renderer.forget_earlier_frames();
    }
}

fn preprocessor(opened: &Opened, layout: &Layout, fit: &Fit) -> Preprocessor {
    Preprocessor::new(layout, fit, opened.spec.interpolation).with_border(opened.mean_color())
}
