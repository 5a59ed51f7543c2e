// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From settings to `ort`'s session builder, and from its refusals to errors.

use std::path::Path;

use ort::ErrorCode;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::error::InferenceError;
use super::execution_provider::ExecutionProvider;
use super::profile::Profile;
use super::provider::Provider;
use super::runtime::Runtime;
use super::settings::{ModelSource, OptimizationLevel, SessionSettings};

impl From<OptimizationLevel> for GraphOptimizationLevel {
    fn from(level: OptimizationLevel) -> Self {
        match level {
            OptimizationLevel::DisableAll => Self::Disable,
            OptimizationLevel::EnableBasic => Self::Level1,
            OptimizationLevel::EnableExtended => Self::Level2,
            OptimizationLevel::EnableAll => Self::All,
        }
    }
}

/// Refuses NUL characters: `ort` panics on them.
pub(super) fn check_texts(settings: &SessionSettings) -> Result<(), InferenceError> {
    let cache = settings
        .cache
        .folder()
        .map(|folder| folder.to_string_lossy());
    let texts = settings
        .provider_options
        .iter()
        .flat_map(|(key, value)| {
            [
                ("provider-options", key.as_str()),
                ("provider-options", value),
            ]
        })
        .chain(settings.device.as_deref().map(|device| ("device", device)))
        .chain(cache.as_deref().map(|folder| ("cache-dir", folder)));
    match texts.into_iter().find(|(_, text)| text.contains('\0')) {
        Some((place, text)) => Err(InferenceError::Nul {
            place,
            text: text.to_owned(),
        }),
        None => Ok(()),
    }
}

/// The settings as `ort` takes them; `strict` lets no node fall to the CPU. `kept` is the folder for
/// what the provider compiles.
pub(super) fn builder(
    runtime: &'static Runtime,
    settings: &SessionSettings,
    provider: &dyn Provider,
    strict: bool,
    profile: Option<&Profile>,
    kept: Option<&Path>,
) -> Result<SessionBuilder, InferenceError> {
    let refused = |what| move |cause: String| InferenceError::Setting { what, cause };
    let text = |error: ort::Error<SessionBuilder>| error.to_string();
    let mut builder = SessionBuilder::new(runtime.environment())
        .map_err(|cause| refused("a session")(cause.to_string()))?
        .with_optimization_level(settings.optimization_level.into())
        .map_err(|error| refused("optimization-level")(text(error)))?
        .with_intra_threads(settings.threads)
        .map_err(|error| refused("threads")(text(error)))?
        // Spinning threads would take the cores from the rest of the pipeline between frames.
        .with_intra_op_spinning(false)
        .map_err(|error| refused("threads without spinning")(text(error)))?;
    for (name, size) in &settings.fixed_dimensions {
        builder = builder
            .with_dimension_override(name, i64::try_from(*size).unwrap_or(i64::MAX))
            .map_err(|error| refused("a fixed dimension")(text(error)))?;
    }
    if let Some(profile) = profile {
        builder = builder
            .with_profiling(profile.prefix())
            .map_err(|error| refused("profiling")(text(error)))?;
    }
    for (key, value) in provider.config_entries(settings) {
        builder = builder
            .with_config_entry(key, value)
            .map_err(|error| refused("provider-options")(text(error)))?;
    }
    if provider.keeps_off_cpu(settings, strict) {
        builder = builder
            .with_disable_cpu_fallback()
            .map_err(|error| refused("a session without the CPU")(text(error)))?;
    }
    let registrations = provider.registrations(settings, kept)?;
    if registrations.is_empty() {
        return Ok(builder);
    }
    builder
        .with_execution_providers(registrations)
        .map_err(|error| provider_failure(provider, settings, &text(error)))
}

/// A provider's failure with what it was given, which its own message often leaves out.
pub(super) fn provider_failure(
    provider: &dyn Provider,
    settings: &SessionSettings,
    cause: &str,
) -> InferenceError {
    /// Some messages are pages of stack; their start tells what matters.
    const ENOUGH: usize = 400;
    let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
    // These come behind a page of C++ types and source files.
    let telling = ["CUDA failure", "Failed to load library"];
    let start = telling.iter().filter_map(|start| cause.find(start)).min();
    let cause = &cause[start.unwrap_or_default()..];
    let cause: String = cause
        .trim_end_matches(['.', ';', ' '])
        .chars()
        .take(ENOUGH)
        .collect();
    let device = settings
        .device
        .iter()
        .map(|device| format!("device {device}"));
    let options = settings
        .provider_options
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let given: Vec<_> = device.chain(options).collect();
    let given = match given.as_slice() {
        [] => String::new(),
        given => format!(" (with {})", given.join(", ")),
    };
    InferenceError::Provider {
        provider: provider.value(),
        cause: format!("{cause}{given}"),
        remedy: provider.remedy(),
    }
}

/// The error of a session that does not open: the model's or the provider's.
pub(super) fn refusal(
    error: &ort::Error,
    source: ModelSource<'_>,
    provider: &dyn Provider,
    settings: &SessionSettings,
) -> InferenceError {
    let cause = error.to_string();
    let model = matches!(
        error.code(),
        ErrorCode::NoSuchFile
            | ErrorCode::NoModel
            | ErrorCode::InvalidProtobuf
            | ErrorCode::InvalidGraph
    );
    if model || provider.is(ExecutionProvider::Cpu) {
        InferenceError::Model {
            model: source.to_string(),
            cause,
        }
    } else {
        provider_failure(provider, settings, &cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_cuda_is_told_without_the_types_around_it() {
        let noise = "std::conditional_t<THRW, void, common::Status> ".repeat(20);
        for cause in [
            "CUDA failure 35: the driver is too old ; GPU=0 ;",
            "Failed to load library /lib/x.so with error: libcublasLt.so.13: cannot open",
        ] {
            let settings = SessionSettings::default();
            let told = format!("{noise}{cause}");
            let cuda = ExecutionProvider::Cuda.provider().unwrap();
            let error = provider_failure(cuda, &settings, &told).to_string();
            let start = format!("network: {}", &cause[..40]);
            assert!(error.contains(&start), "{error}");
        }
    }
}
