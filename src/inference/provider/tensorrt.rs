// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! NVIDIA GPUs through TensorRT, with CUDA's provider for nodes that it does not take.

mod version;

use std::fs::DirEntry;
use std::path::Path;

use ort::ep::{CUDA, ExecutionProvider as _, ExecutionProviderDispatch, TensorRT};

use super::cuda;
use super::interface::{GraphForm, Options, Provider, configured};
use crate::inference::bound::Memory;
use crate::inference::error::InferenceError;
use crate::inference::execution_provider::ExecutionProvider;
use crate::inference::precision::Precision;
use crate::inference::runtime::Runtime;
use crate::inference::settings::SessionSettings;

/// The TensorRT provider.
#[derive(Debug)]
pub(super) struct TensorRt;

impl Provider for TensorRt {
    fn value(&self) -> ExecutionProvider {
        ExecutionProvider::TensorRt
    }

    fn ort_name(&self) -> &'static str {
        TensorRT::NAME
    }

    fn where_to_get(&self) -> &'static str {
        "name a library with TensorRT in onnxruntime-library (the one of the onnxruntime-gpu wheel \
         has it)"
    }

    fn remedy(&self) -> &'static str {
        "install the NVIDIA driver, and CUDA, cuDNN and TensorRT of the versions that this ONNX \
         Runtime is built for, where the loader finds them (LD_LIBRARY_PATH); check device and \
         provider-options"
    }

    fn is_built_in(&self) -> bool {
        TensorRT::is_available().unwrap_or(false)
    }

    fn needs_cached(&self) -> Option<&'static str> {
        Some("no engine in the cache, and building takes minutes")
    }

    fn device_in_keys(&self, settings: &SessionSettings) -> Option<String> {
        cuda::Cuda.device_in_keys(settings)
    }

    fn device_shown(&self, _: &SessionSettings) -> Option<String> {
        None
    }

    fn is_on_cpu(&self, _: &SessionSettings) -> bool {
        false
    }

    fn precision(&self, settings: &SessionSettings) -> Result<Precision, InferenceError> {
        cuda::precision(settings, self.value())
    }

    /// A graph of standard operators only. One engine takes a range of batches, but of users' files the
    /// provider leaves nodes with a free dimension only where it is told of each.
    fn graph(&self, _: &SessionSettings) -> GraphForm {
        GraphForm {
            fused_attention: false,
            typed_fp16: true,
            whole_batch: false,
            whole_batch_of_files: true,
        }
    }

    fn registrations(
        &self,
        settings: &SessionSettings,
        cache: Option<&Path>,
    ) -> Result<Vec<ExecutionProviderDispatch>, InferenceError> {
        let gpu = cuda::gpu(settings, self.value())?;
        let ours = options(settings, gpu.clone(), cache.and_then(Path::to_str))?;
        let provider = configured(TensorRT::default(), ours, &settings.provider_options);
        let rest = configured(CUDA::default(), cuda::options(settings, gpu), &[]);
        Ok(vec![
            provider.build().error_on_failure(),
            rest.build().error_on_failure(),
        ])
    }

    fn config_entries<'s>(&self, _: &'s SessionSettings) -> &'s [(String, String)] {
        &[]
    }

    fn keeps_off_cpu(&self, _: &SessionSettings, strict: bool) -> bool {
        strict
    }

    fn memory(&self, settings: &SessionSettings) -> Option<Memory> {
        cuda::memory(settings)
    }

    fn repeats_addresses<'s>(&self, settings: &'s SessionSettings) -> Option<&'s str> {
        cuda::graph_option(settings)
    }

    fn shares_weights(&self) -> bool {
        false
    }

    fn is_cached(&self, _: &SessionSettings) -> bool {
        true
    }

    /// The version of TensorRT, and the shapes that an engine is built for.
    fn key(&self, runtime: &Runtime, settings: &SessionSettings) -> String {
        format!(
            "{}, TensorRT {}, {:?}, {:?}",
            cuda::environment(),
            version::version(runtime),
            settings.fixed_dimensions,
            settings.input_shapes
        )
    }

    /// A GPU without memory, or a driver that does not answer, says nothing of an engine that took
    /// minutes to build.
    fn blames_cache(&self, error: &InferenceError) -> bool {
        let text = error.to_string();
        ["deserialize", "Failed to Build Engine"]
            .iter()
            .any(|told| text.contains(told))
    }

    /// An engine, which options of the user's may have sent elsewhere.
    fn has_compiled(&self, folder: &Path) -> bool {
        let is_engine = |entry: DirEntry| entry.path().extension().is_some_and(|e| e == "engine");
        let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.any(is_engine)
    }
}

/// The provider's options. `cache` is the folder for its engines. Left as they are: the builder's
/// level (3, higher ones build for many times as long) and its workspace (all the memory there is).
///
/// # Errors
/// If it cannot compute in the precision that is asked for.
fn options(
    settings: &SessionSettings,
    gpu: String,
    cache: Option<&str>,
) -> Result<Options, InferenceError> {
    // Without `trt_fp16_enable`, which TensorRT has no longer from version 11 on: a graph says itself
    // what is in 16 bits, and is taken at its word only without that.
    TensorRt.precision(settings)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::settings::InputShapes;

    fn names(options: &Options) -> Vec<&str> {
        options.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn it_follows_the_types_of_the_graph() {
        let told = |precision, cache| {
            let settings = SessionSettings {
                precision,
                ..SessionSettings::default()
            };
            options(&settings, "0".into(), cache)
        };
        for precision in [Precision::Typed, Precision::Auto, Precision::Fp32] {
            let told = told(precision, Some("/cache")).unwrap();
            assert!(!names(&told).contains(&"trt_fp16_enable"), "{told:?}");
            assert!(told.contains(&("trt_engine_cache_path", "/cache".into())));
        }
        // A graph in 32 bits is never computed as such where 16 were asked for.
        assert!(told(Precision::Fp16, None).is_err());
    }

    #[test]
    fn it_builds_one_engine_for_all_shapes_that_there_will_be() {
        let mut free = SessionSettings {
            input_shapes: Some(InputShapes {
                name: "rgb".into(),
                smallest: vec![1, 224, 448, 3],
                largest: vec![4, 224, 448, 3],
            }),
            ..SessionSettings::default()
        };
        let told = options(&free, "0".into(), None).unwrap();
        for (name, shape) in [
            ("trt_profile_min_shapes", "rgb:1x224x448x3"),
            ("trt_profile_opt_shapes", "rgb:4x224x448x3"),
            ("trt_profile_max_shapes", "rgb:4x224x448x3"),
        ] {
            assert!(told.contains(&(name, shape.into())), "{told:?}");
        }
        free.provider_options = vec![("trt_profile_max_shapes".into(), "rgb:8x224x448x3".into())];
        let told = options(&free, "0".into(), None).unwrap();
        assert!(
            !names(&told)
                .iter()
                .any(|name| name.starts_with("trt_profile"))
        );
        let fixed = options(&SessionSettings::default(), "0".into(), None).unwrap();
        assert!(
            !names(&fixed)
                .iter()
                .any(|name| name.starts_with("trt_profile"))
        );
    }

    #[test]
    fn an_engine_is_given_up_only_if_it_cannot_be_read() {
        let error = |cause: &str| InferenceError::Provider {
            provider: ExecutionProvider::TensorRt,
            cause: cause.into(),
            remedy: TensorRt.remedy(),
        };
        let useless = |cause| TensorRt.blames_cache(&error(cause));
        assert!(useless(
            "TensorRT EP could not deserialize engine from cache: /c/x.engine"
        ));
        assert!(!useless("CUDA failure 2: out of memory"));
        let folder = tempfile::tempdir().unwrap();
        assert!(!TensorRt.has_compiled(folder.path()));
        std::fs::write(folder.path().join("TRTKernel_1_sm90.engine"), "x").unwrap();
        assert!(TensorRt.has_compiled(folder.path()));
    }
}
