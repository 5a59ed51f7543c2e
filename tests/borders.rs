// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What graphs do beside the network: borders that become zero, and the sky.

use crate::common::runtime;
use gstdptdepth::dpt::InputForm;
use gstdptdepth::engine::{Engine, Map, Request};
use gstdptdepth::inference::{
    ExecutionProvider, ModelSource, Session, SessionSettings, TensorData, TensorView,
};
use gstdptdepth::model::{BuildOptions, Model};
use gstdptdepth::spec::{Borders, Size};
use std::path::Path;

fn model(file: &str) -> Model {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/original");
    Model::open(&data.join(file)).unwrap()
}

fn settings() -> SessionSettings {
    SessionSettings {
        provider: ExecutionProvider::Cpu,
        threads: 1,
        ..Default::default()
    }
}

fn session(model: &Model, options: &BuildOptions) -> Session {
    let bytes = model.graph(options).unwrap().to_bytes().unwrap();
    Session::open(runtime(), ModelSource::Memory(&bytes), &settings()).unwrap()
}

fn noise(size: Size) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size.area() * 3).map(|_| next()).collect()
}

/// `pixel_values` of a picture, zero in the borders.
fn pixel_values(model: &Model, rgb: &[u8], size: Size, borders: Borders) -> Vec<f32> {
    let spec = model.spec();
    let (rows, columns) = (
        borders.top..size.height - borders.bottom,
        borders.left..size.width - borders.right,
    );
    let mut values = vec![0.0; rgb.len()];
    for y in rows {
        for x in columns.clone() {
            let pixel = (y * size.width + x) as usize;
            for channel in 0..3 {
                let value = f32::from(rgb[pixel * 3 + channel]) / 255.0;
                values[channel * size.area() + pixel] =
                    (value - spec.mean[channel]) / spec.std[channel];
            }
        }
    }
    values
}

fn floats(session: &mut Session, data: TensorData<'_>, shape: &[usize]) -> Vec<Vec<f32>> {
    let count = session.outputs().len();
    let outputs = session.run(data, shape).unwrap();
    (0..count)
        .map(|index| match outputs.get(index).unwrap() {
            TensorView::F32 { data, .. } => data.to_vec(),
            _ => panic!("no floats"),
        })
        .collect()
}

fn off_by(ours: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(ours.len(), expected.len());
    let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let worst = ours
        .iter()
        .zip(expected)
        .fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
    worst / largest
}

/// The bytes in the borders are noise; the graph makes zeros of them as the references' padding.
#[test]
fn borders_are_zero_behind_the_normalisation() {
    let model = model("dinov2-nyu/dinov2_vits14_nyu_dpt_head.pth");
    let size = Size::new(42, 56);
    let (h, w) = (size.height as usize, size.width as usize);
    let rgb = noise(size);
    let run = |borders| {
        let options = BuildOptions {
            input: InputForm::Rgb8,
            borders,
            ..BuildOptions::new(size)
        };
        floats(
            &mut session(&model, &options),
            TensorData::U8(&rgb),
            &[1, h, w, 3],
        )
        .remove(0)
    };
    let mut reference = session(&model, &BuildOptions::new(size));
    let sides = |top, left, bottom, right| Borders {
        top,
        left,
        bottom,
        right,
    };
    let whole = run(Borders::default());
    for borders in [
        Borders::default(),
        sides(5, 6, 6, 7),
        sides(0, 0, 1, 0),
        sides(0, 6, 0, 7),
        sides(6, 0, 7, 0),
    ] {
        let pixels = pixel_values(&model, &rgb, size, borders);
        let expected = floats(&mut reference, TensorData::F32(&pixels), &[1, 3, h, w]).remove(0);
        let ours = run(borders);
        assert!(off_by(&ours, &expected) < 1e-4, "{borders:?}");
        assert!(borders == Borders::default() || off_by(&ours, &whole) > 1e-3);
    }
}

/// Depth Anything 3 takes 0.3 and more of its sky head for sky (`compute_sky_mask`).
#[test]
fn sky_is_infinitely_far() {
    let model = model("da3mono");
    assert!(model.spec().sky);
    let size = Size::new(42, 56);
    let rgb = noise(size);
    let pixels = pixel_values(&model, &rgb, size, Borders::default());
    let mut plain = session(&model, &BuildOptions::new(size));
    assert_eq!(plain.outputs()[1].name, "sky");
    let heads = floats(&mut plain, TensorData::F32(&pixels), &[1, 3, 42, 56]);

    let request = Request {
        network: size,
        borders: Borders::default(),
        batch: 1,
        session: settings(),
    };
    let mut engine = Engine::prepare(&model, runtime(), &request).unwrap();
    let mut map = Map::Depth(Vec::new());
    engine.infer(&rgb, &mut map).unwrap();
    let Map::Depth(values) = map else {
        panic!("classes");
    };
    let mut seen = [0, 0];
    for ((value, depth), sky) in values.iter().zip(&heads[0]).zip(&heads[1]) {
        // The two graphs round in other ways.
        if (sky - 0.3).abs() < 1e-4 {
            continue;
        }
        let is_sky = *sky >= 0.3;
        seen[usize::from(is_sky)] += 1;
        if is_sky {
            assert_eq!(*value, f32::INFINITY);
        } else {
            assert!((value - depth).abs() <= 1e-4 * depth.abs().max(1.0));
        }
    }
    assert!(seen[0] > 100 && seen[1] > 100, "both are there: {seen:?}");
}
