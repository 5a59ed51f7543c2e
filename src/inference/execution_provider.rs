// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The choice of an execution provider, as settings, messages and files name it.

/// The execution provider that runs a network.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum ExecutionProvider {
    /// The first that works: TensorRT if its engine is cached already, CUDA, OpenVINO, the CPU.
    #[default]
    Auto,
    /// ONNX Runtime's own kernels on the CPU.
    Cpu,
    /// Intel's OpenVINO on the CPU, an Intel GPU or an NPU.
    OpenVino,
    /// An NVIDIA GPU through CUDA and cuDNN.
    Cuda,
    /// An NVIDIA GPU through TensorRT, with CUDA for nodes that it does not take.
    TensorRt,
}

impl ExecutionProvider {
    /// All values, in the order of this list.
    pub const ALL: [Self; 5] = [
        Self::Auto,
        Self::Cpu,
        Self::OpenVino,
        Self::Cuda,
        Self::TensorRt,
    ];

    /// The value of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.name() == name)
    }

    /// The name in properties and messages, and of the folder in the cache.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }
}

impl std::fmt::Display for ExecutionProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
