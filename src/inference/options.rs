// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What execution providers are told unless the user says otherwise, by the names of ONNX Runtime's
//! documentation. Where its own default is right for us, nothing is said.

use super::error::InferenceError;
use super::precision::Precision;
use super::provider::ExecutionProvider;
use super::settings::SessionSettings;

/// A provider's options by name.
pub(super) type Options = Vec<(&'static str, String)>;

/// CUDA's. Left as they are: the choice of convolution algorithms with all the memory that they want
/// (shapes are fixed and the first run is before the first frame, so it is made once), copies on the
/// stream that computes, and no CUDA graph, which not every network can be captured in.
pub(super) fn cuda(settings: &SessionSettings, gpu: String) -> Options {
    let mut options = vec![
        ("device_id", gpu),
        // Graphs of one size ask for the same memory every time; powers of two would take up to
        // twice of it from decoders and displays.
        ("arena_extend_strategy", "kSameAsRequested".to_owned()),
    ];
    if settings.precision == Precision::Fp32 {
        // Who asks for 32 bits does not want the ten bits of TensorFloat-32's fraction.
        options.push(("use_tf32", "0".to_owned()));
    }
    options
}

/// TensorRT's. `cache` is the folder for its engines. Left as they are: the builder's level (3,
/// higher ones build for many times as long) and its workspace (all the memory there is).
///
/// # Errors
/// If it cannot compute in the precision that is asked for.
pub(super) fn tensorrt(
    settings: &SessionSettings,
    gpu: String,
    cache: Option<&str>,
) -> Result<Options, InferenceError> {
    // Without `trt_fp16_enable`, which TensorRT has no longer from version 11 on: a graph says itself
    // what is in 16 bits, and is taken at its word only without that.
    Precision::resolve(settings, ExecutionProvider::TensorRt)?;
    let mut options = vec![("device_id", gpu)];
    options.extend(profile(settings).into_iter().flatten());
    if let Some(folder) = cache {
        // The provider's own key leaves out weights and sizes; the folder has ours.
        options.push(("trt_engine_cache_enable", "1".to_owned()));
        options.push(("trt_engine_cache_path", folder.to_owned()));
    }
    Ok(options)
}

/// The range of shapes to build one engine for at once. Without it TensorRT builds an engine for the
/// first shape that it sees, and another one for each that lies outside what it has seen.
fn profile(settings: &SessionSettings) -> Option<[(&'static str, String); 3]> {
    let own = |(key, _): &(String, String)| key.starts_with("trt_profile_");
    if settings.provider_options.iter().any(own) {
        // One of three is no range, so the user's stand alone.
        return None;
    }
    let shapes = settings.input_shapes.as_ref()?;
    let text = |dims: &[usize]| {
        let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
        format!("{}:{}", shapes.name, dims.join("x"))
    };
    let (smallest, largest) = (text(&shapes.smallest), text(&shapes.largest));
    Some([
        ("trt_profile_min_shapes", smallest),
        ("trt_profile_opt_shapes", largest.clone()),
        ("trt_profile_max_shapes", largest),
    ])
}

/// The option that turns CUDA graphs on, where the user has it on.
pub(super) fn cuda_graph(settings: &SessionSettings) -> Option<&str> {
    let mut options = settings.provider_options.iter();
    let (name, _) = options.find(|(name, value)| {
        // As ONNX Runtime reads flags.
        matches!(name.as_str(), "enable_cuda_graph" | "trt_cuda_graph_enable")
            && matches!(value.as_str(), "1" | "true" | "True")
    })?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::settings::InputShapes;

    fn settings(precision: Precision) -> SessionSettings {
        SessionSettings {
            precision,
            ..SessionSettings::default()
        }
    }

    fn names(options: &Options) -> Vec<&str> {
        options.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn tensorrt_follows_the_types_of_the_graph() {
        for precision in [Precision::Typed, Precision::Auto, Precision::Fp32] {
            let told = tensorrt(&settings(precision), "0".into(), Some("/cache")).unwrap();
            assert!(!names(&told).contains(&"trt_fp16_enable"), "{told:?}");
            assert!(told.contains(&("trt_engine_cache_path", "/cache".into())));
        }
        // A graph in 32 bits is never computed as such where 16 were asked for.
        assert!(tensorrt(&settings(Precision::Fp16), "0".into(), None).is_err());
    }

    #[test]
    fn tensorrt_builds_one_engine_for_all_shapes_that_there_will_be() {
        let mut free = SessionSettings {
            input_shapes: Some(InputShapes {
                name: "rgb".into(),
                smallest: vec![1, 224, 448, 3],
                largest: vec![4, 224, 448, 3],
            }),
            ..SessionSettings::default()
        };
        let told = tensorrt(&free, "0".into(), None).unwrap();
        for (name, shape) in [
            ("trt_profile_min_shapes", "rgb:1x224x448x3"),
            ("trt_profile_opt_shapes", "rgb:4x224x448x3"),
            ("trt_profile_max_shapes", "rgb:4x224x448x3"),
        ] {
            assert!(told.contains(&(name, shape.into())), "{told:?}");
        }
        free.provider_options = vec![("trt_profile_max_shapes".into(), "rgb:8x224x448x3".into())];
        let told = tensorrt(&free, "0".into(), None).unwrap();
        assert!(
            !names(&told)
                .iter()
                .any(|name| name.starts_with("trt_profile"))
        );
        let fixed = tensorrt(&SessionSettings::default(), "0".into(), None).unwrap();
        assert!(
            !names(&fixed)
                .iter()
                .any(|name| name.starts_with("trt_profile"))
        );
    }

    #[test]
    fn cuda_rounds_to_tensorfloat_32_unless_32_bits_are_asked_for() {
        let told = |precision| cuda(&settings(precision), "1".into());
        assert!(told(Precision::Fp32).contains(&("use_tf32", "0".into())));
        assert!(!names(&told(Precision::Auto)).contains(&"use_tf32"));
        assert!(told(Precision::Auto).contains(&("device_id", "1".into())));
    }
}
