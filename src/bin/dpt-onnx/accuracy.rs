// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a precision costs: maps beside those of fp32.

use crate::Failure;
use crate::input::{fit, network_input, read};
use gstdptdepth::engine::{Engine, EngineError, Map, Request};
use gstdptdepth::inference::{Precision, Runtime, SessionSettings};
use gstdptdepth::model::Model;
use gstdptdepth::spec::Size;
use std::path::PathBuf;

/// How far a picture's map is from that of fp32, in shares of the range of that one; of classes, the
/// share of pixels that have another.
#[derive(serde::Serialize)]
pub(crate) struct Accuracy {
    pub(crate) picture: String,
    pub(crate) mean: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99: Option<f64>,
}

/// Compares the maps of pictures with those of fp32.
pub(crate) fn accuracy(
    model: &Model,
    runtime: &'static Runtime,
    request: &Request,
    pictures: &[PathBuf],
) -> Result<Vec<Accuracy>, Failure> {
    let mut found = Vec::new();
    for path in pictures {
        let picture = read(path)?;
        let fit = fit(model, Size::new(picture.height(), picture.width()));
        let rgb = network_input(model, &fit, &picture)?;
        let map_in = |precision| -> Result<Map, EngineError> {
            let request = Request {
                network: fit.network,
                borders: fit.zero_borders(model.spec().resize_policy),
                batch: 1,
                session: SessionSettings {
                    precision,
                    ..request.session.clone()
                },
            };
            let mut map = Map::Depth(Vec::new());
            Engine::prepare(model, runtime, &request)?.infer(&rgb, &mut map)?;
            Ok(map)
        };
        let (map, reference) = (map_in(request.session.precision)?, map_in(Precision::Fp32)?);
        let (mean, p99) = match (&map, &reference) {
            (Map::Depth(map), Map::Depth(reference)) => {
                let (mean, p99) = apart(map, reference);
                (mean, Some(p99))
            }
            (Map::Labels(map), Map::Labels(reference)) => {
                let other = map.iter().zip(reference).filter(|(a, b)| a != b).count();
                (other as f64 / map.len() as f64, None)
            }
            _ => continue, // one model's maps are of one kind
        };
        found.push(Accuracy {
            picture: path.display().to_string(),
            mean,
            p99,
        });
    }
    Ok(found)
}

/// Mean and 99th percentile of how far values are apart, in shares of the reference's range.
fn apart(map: &[f32], reference: &[f32]) -> (f64, f64) {
    let finite = || reference.iter().copied().filter(|value| value.is_finite());
    let range = f64::from(finite().fold(f32::MIN, f32::max) - finite().fold(f32::MAX, f32::min));
    let mut apart: Vec<f64> = map
        .iter()
        .zip(reference)
        .filter(|(a, b)| a.is_finite() && b.is_finite())
        .map(|(a, b)| f64::from((a - b).abs()) / range.max(f64::MIN_POSITIVE))
        .collect();
    if apart.is_empty() {
        return (f64::NAN, f64::NAN);
    }
    apart.sort_by(f64::total_cmp);
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    (mean, apart[(apart.len() - 1) * 99 / 100])
}
