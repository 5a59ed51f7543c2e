// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What runs once a frame leaves the heap alone.

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;

use gstdptdepth::frame::{
    BlurWriter, Colormap, Format, LabelStyle, Layout, Map, MapRef, MapWriter, MatteWriter,
    Preprocessor, Quantize, RgbConverter, Stereo, StereoLayout, StereoWriter, Upsampler,
    Upsampling, fit, quantize, window_alpha,
};
use gstdptdepth::spec::{Interpolation, ResizePolicy, Size};
use gstdptdepth::temporal::{Flicker, RangeMode, RangeTracker, SceneCut, Stabiliser, change};

use super::picture::Picture;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts for each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came; the counter is a `Cell` without a
// destructor, which needs no memory of its own.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub(crate) fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn nothing_is_allocated_per_frame() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(vec![1u8; 100]))),
        1
    );

    let size = Size::new(121, 163);
    let fit = fit(size, (1, 1), ResizePolicy::Letterbox, Size::new(96, 96), 32);
    let map_size = Size::new(96, 96);
    let values: Vec<f32> = (0..map_size.area()).map(|index| index as f32).collect();
    let mut codes = vec![0; map_size.area()];
    let labels = vec![3; map_size.area()];
    let lut = Colormap::Inferno.lut();
    for format in Format::ALL {
        let layout = Layout::full_range(format, size);
        let mut picture = Picture::noise(layout, 5);
        let mut rgb = Picture::new(Layout::full_range(Format::Rgb, size), 0);
        let mut preprocessor = Preprocessor::new(&layout, &fit, Interpolation::BicubicAntialiased);
        let mut network = vec![0; preprocessor.output_bytes()];
        let mut converter = RgbConverter::new(&layout);
        let mut writer = MapWriter::new(map_size, &fit, &layout).unwrap();
        writer.set_label_style(LabelStyle {
            hidden: Some(1),
            outline: 2,
        });
        let mut upsamplers = [Upsampling::Bilinear, Upsampling::Guided]
            .map(|how| Upsampler::new(map_size, &fit, &layout, how).unwrap());
        let mut tracker = RangeTracker::new(RangeMode::Smooth);
        let count = allocations(|| {
            preprocessor.run(&picture.frame(), &mut network).unwrap();
            converter
                .run(&picture.frame(), &mut rgb.frame_mut())
                .unwrap();
            let map = MapRef::new(&values, map_size).unwrap();
            let range = tracker.update(&map.crop(fit.content_of(map_size)).unwrap(), true);
            quantize(
                &map,
                Quantize::Relative {
                    range,
                    near_bright: true,
                },
                &mut codes,
            )
            .unwrap();
            for upsampler in &mut upsamplers {
                upsampler.run(Map::Depth(&codes), &picture.frame()).unwrap();
            }
            let mut frame = picture.frame_mut();
            if !format.is_yuv() {
                writer.write(Map::Depth(&codes), &lut, &mut frame).unwrap();
            }
            for map in [
                Map::Depth(&codes),
                Map::DepthWithHoles(&codes),
                Map::Labels(&labels),
            ] {
                writer.blend(map, &lut, 0.5, &mut frame).unwrap();
            }
        });
        assert_eq!(count, 0, "{format:?}");
    }
}

#[test]
fn nothing_is_allocated_per_rendered_frame() {
    let size = Size::new(121, 163);
    let nearness: Vec<u16> = (0..size.area()).map(|at| (at * 13) as u16).collect();
    let mut alpha = vec![0; size.area()];
    let how = Stereo::default();
    for format in Format::ALL {
        let layout = Layout::full_range(format, size);
        let picture = Picture::noise(layout, 5);
        let arrangement = StereoLayout::SideBySide;
        let wide = Layout::full_range(Format::Rgb, arrangement.size(size));
        let mut wide = Picture::new(wide, 0);
        let mut rgb = Picture::new(Layout::full_range(Format::Rgb, size), 0);
        let mut rgba = Picture::new(Layout::full_range(Format::Rgba, size), 0);
        let mut stereo = StereoWriter::new(&layout);
        let mut matte = MatteWriter::new(&layout);
        let mut blur = BlurWriter::new(&layout);
        let count = allocations(|| {
            let frame = picture.frame();
            stereo
                .write(&frame, &nearness, &how, arrangement, &mut wide.frame_mut())
                .unwrap();
            stereo
                .write_anaglyph(&frame, &nearness, &how, &mut rgb.frame_mut())
                .unwrap();
            window_alpha(&nearness, 40_000, 20_000, 5000, &mut alpha).unwrap();
            matte.write(&frame, &alpha, &mut rgba.frame_mut()).unwrap();
            for radius in [1.0, 7.0, 50.0] {
                blur.write(&frame, &alpha, radius, &mut rgb.frame_mut())
                    .unwrap();
            }
        });
        assert_eq!(count, 0, "{format:?}");
    }
}

#[test]
fn nothing_is_allocated_for_what_is_remembered() {
    let (size, luma_size) = (Size::new(97, 120), Size::new(49, 60));
    let mut luma: Vec<u8> = (0..luma_size.area())
        .map(|at| 40 + (at % 60) as u8 * 3)
        .collect();
    let codes = vec![7; size.area()];
    let mut map: Vec<f32> = (0..size.area()).map(|at| at as f32).collect();
    let mut cut = SceneCut::new(SceneCut::THRESHOLD);
    let mut stabiliser = Stabiliser::new();
    let mut flicker = Flicker::new();
    let mut frame = || {
        cut.update(&luma, luma_size);
        change(&luma, &luma, luma_size);
        stabiliser.update(&mut map, size, &luma, luma_size, 0.8, true);
        flicker.update(&codes, size, &luma, luma_size);
        luma.rotate_right(1);
    };
    let counts: Vec<usize> = (0..12).map(|_| allocations(&mut frame)).collect();
    assert!(counts[1..].iter().all(|&count| count == 0), "{counts:?}");
}
