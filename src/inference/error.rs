// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What can go wrong from opening a session to reading its outputs.

use std::path::PathBuf;

use super::execution_provider::ExecutionProvider;
use super::precision::Precision;
use super::tensor::ElementType;

/// Why a network cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The ONNX Runtime in use was built without the provider.
    #[error(
        "the ONNX Runtime at {} has no {provider} support; {remedy}, or set execution-provider=auto",
        library.display()
    )]
    ProviderMissing {
        /// The provider asked for.
        provider: ExecutionProvider,
        /// The library in use.
        library: PathBuf,
        /// Advice on a library that has it.
        remedy: &'static str,
    },
    /// The provider does not start, or does not take the whole network.
    #[error(
        "the {provider} provider cannot run this network: {cause}; {remedy}, or set execution-provider=auto"
    )]
    Provider {
        /// The provider asked for.
        provider: ExecutionProvider,
        /// What ONNX Runtime says.
        cause: String,
        /// Advice on what to check or install.
        remedy: &'static str,
    },
    /// The `device` is not one of the provider's.
    #[error("{device:?} is no device of the {provider} provider; {expected}")]
    Device {
        /// The provider asked for.
        provider: ExecutionProvider,
        /// The device asked for.
        device: String,
        /// What can be given.
        expected: &'static str,
    },
    /// The provider does not compute in such numbers.
    #[error("the {provider} provider does not compute in {precision}: {cause}; set precision=auto")]
    Precision {
        /// The provider asked for.
        provider: ExecutionProvider,
        /// The precision asked for.
        precision: Precision,
        /// Why not.
        cause: &'static str,
    },
    /// `auto` has found no provider that takes the network.
    #[error("no provider runs this network: {reasons}; {cause}")]
    None {
        /// Providers that were tried, each with the reason why it did not do.
        reasons: String,
        /// The last one's failure.
        cause: Box<Self>,
    },
    /// A CUDA graph is asked for, but nothing has a fixed address.
    #[error(
        "{option} cannot be used: a CUDA graph repeats the memory addresses that it was captured with, and so \
         the first picture's result, where input and outputs are not bound to fixed ones ({cause}); remove \
         {option}, or set batch-size=1 and use a model of fixed size"
    )]
    CudaGraph {
        /// The provider's option.
        option: String,
        /// Why they are not bound.
        cause: String,
    },
    /// A text holds a NUL character, which ONNX Runtime cannot take.
    #[error("{place} holds a NUL character: {text:?}; remove it")]
    Nul {
        /// Which text.
        place: &'static str,
        /// The text.
        text: String,
    },
    /// ONNX Runtime does not accept the settings.
    #[error("ONNX Runtime does not accept {what}: {cause}; change it or use a newer ONNX Runtime")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// What ONNX Runtime says.
        cause: String,
    },
    /// The model is damaged, missing, or uses what this ONNX Runtime does not know.
    #[error(
        "{model} cannot be opened: {cause}; check that the file is whole, or use a newer ONNX Runtime"
    )]
    Model {
        /// The file, or "the model in memory".
        model: String,
        /// What ONNX Runtime says.
        cause: String,
    },
    /// The model does not take exactly one tensor.
    #[error("the model takes {} inputs ({}), but must take one: the picture; export it with that input only", names.len(), names.join(", "))]
    Inputs {
        /// The names of its inputs.
        names: Vec<String>,
    },
    /// An input or output is a sequence, map or optional value.
    #[error("{name:?} of the model is not a tensor; export the model with tensors only")]
    NotATensor {
        /// The input or output.
        name: String,
    },
    /// The data are not of the input's element type.
    #[error("the model's input {name:?} takes {expected}, but was given {given}; convert the data")]
    InputElement {
        /// The input.
        name: String,
        /// What it takes.
        expected: ElementType,
        /// What was given.
        given: ElementType,
    },
    /// The data have a shape that the input does not take.
    #[error(
        "the model's input {name:?} takes the shape {expected}, but was given {given:?} with {length} \
         elements; give it data of that shape"
    )]
    InputShape {
        /// The input.
        name: String,
        /// The shape it takes, `?` for free dimensions.
        expected: String,
        /// The shape given.
        given: Vec<usize>,
        /// The number of elements given.
        length: usize,
    },
    /// The process ends.
    #[error("the process ends, so nothing is run any more")]
    Ending,
    /// The network failed while it ran.
    #[error(
        "the network failed on the {provider} provider: {cause}; try another execution-provider"
    )]
    Run {
        /// The provider in use.
        provider: ExecutionProvider,
        /// What ONNX Runtime says.
        cause: String,
    },
    /// There is no output of this number, or it cannot be read.
    #[error(
        "output {index} cannot be read: {cause}; use a model whose outputs are f32, u8 or i64 tensors"
    )]
    Output {
        /// The number asked for.
        index: usize,
        /// What is wrong.
        cause: String,
    },
}

impl InferenceError {
    /// Whether the failure is about the chosen provider, device or options, not about the model or
    /// the data.
    pub fn is_provider(&self) -> bool {
        match self {
            Self::None { cause, .. } => cause.is_provider(),
            Self::ProviderMissing { .. }
            | Self::Provider { .. }
            | Self::Device { .. }
            | Self::Precision { .. }
            | Self::CudaGraph { .. }
            | Self::Nul { .. }
            | Self::Setting { .. } => true,
            Self::Model { .. }
            | Self::Inputs { .. }
            | Self::NotATensor { .. }
            | Self::InputElement { .. }
            | Self::InputShape { .. }
            | Self::Ending
            | Self::Run { .. }
            | Self::Output { .. } => false,
        }
    }
}
