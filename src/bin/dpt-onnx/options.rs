// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Options that several commands have.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use gstdptdepth::inference::{
    Cache, ExecutionProvider, Precision, Runtime, RuntimeError, SessionSettings, runtime,
};
use gstdptdepth::spec::Size;
use std::path::PathBuf;

/// What runs a model.
#[derive(clap::Args)]
pub(crate) struct RuntimeArguments {
    /// What runs the model
    #[arg(long, value_parser = provider(), default_value = "auto")]
    execution_provider: ExecutionProvider,
    /// GPU by its number, such as 0, or OpenVINO device, such as CPU or GPU.0 [default: the provider's
    /// first]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// What it computes in
    #[arg(long, value_enum, default_value = "auto")]
    precision: PrecisionArgument,
    /// ONNX Runtime library to load
    #[arg(long, value_name = "LIBRARY")]
    onnxruntime_library: Option<PathBuf>,
}

impl RuntimeArguments {
    pub(crate) fn load(&self) -> Result<&'static Runtime, RuntimeError> {
        runtime::load(self.onnxruntime_library.as_deref(), None)
    }

    /// Settings with these choices and this cache.
    pub(crate) fn session(&self, cache: Cache) -> SessionSettings {
        SessionSettings {
            provider: self.execution_provider,
            device: self.device.clone(),
            precision: self.precision.into(),
            cache,
            ..Default::default()
        }
    }
}

/// Reads the name of a provider.
fn provider() -> impl TypedValueParser<Value = ExecutionProvider> {
    PossibleValuesParser::new(ExecutionProvider::ALL.map(ExecutionProvider::name))
        .try_map(|name| ExecutionProvider::named(&name).ok_or("no provider has this name"))
}

#[derive(Clone, Copy, ValueEnum)]
enum PrecisionArgument {
    Auto,
    Fp32,
    Fp16,
    Bf16,
}

impl From<PrecisionArgument> for Precision {
    fn from(precision: PrecisionArgument) -> Self {
        match precision {
            PrecisionArgument::Auto => Self::Auto,
            PrecisionArgument::Fp32 => Self::Fp32,
            PrecisionArgument::Fp16 => Self::Fp16,
            PrecisionArgument::Bf16 => Self::Bf16,
        }
    }
}

/// Height and width.
pub(crate) fn size(text: &str) -> Result<Size, String> {
    text.split_once(['x', 'X'])
        .and_then(|(h, w)| Some(Size::new(h.parse().ok()?, w.parse().ok()?)))
        .filter(|size| (1..=8192).contains(&size.height) && (1..=8192).contains(&size.width))
        .ok_or_else(|| "give height and width such as 384x672".into())
}
