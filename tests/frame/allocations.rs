// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What runs once a frame leaves the heap alone.

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;

use gstdptdepth::frame::{
    Colormap, Format, Layout, Map, MapRef, MapWriter, Preprocessor, Quantize, RgbConverter, fit,
    quantize,
};
use gstdptdepth::spec::{Interpolation, ResizePolicy, Size};
use gstdptdepth::temporal::{RangeMode, RangeTracker};

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

fn allocations(run: impl FnOnce()) -> usize {
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
