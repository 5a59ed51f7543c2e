// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

/// Why a model does not run.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The provider asked for is not in this runtime, or does not work here.
    #[error("execution-provider={provider} does not work: {reason}; {remedy}")]
    Provider {
        /// The provider's nick.
        provider: &'static str,
        /// What the runtime said.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// An option of the provider cannot be passed on.
    #[error("provider option {name:?} holds a NUL character; remove it")]
    Option {
        /// The option.
        name: String,
    },
    /// The model does not load.
    #[error("ONNX Runtime cannot load the model: {reason}")]
    Load {
        /// What the runtime said.
        reason: String,
    },
    /// The model's inputs or outputs are not what can be fed and read.
    #[error("the model's interface is not supported: {0}")]
    Interface(String),
    /// A run failed.
    #[error("ONNX Runtime failed to run the model: {reason}")]
    Run {
        /// What the runtime said.
        reason: String,
    },
}

impl InferenceError {
    /// Whether the failure is about the chosen provider rather than the model.
    pub fn is_provider(&self) -> bool {
        matches!(self, Self::Provider { .. } | Self::Option { .. })
    }
}
