// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Input and outputs at fixed places, for providers that compute on a GPU.
//!
//! The host's side is pinned memory, which the GPU copies from and to without a detour. A CUDA graph
//! (`enable_cuda_graph`, `trt_cuda_graph_enable`) repeats what was done with addresses and all, so
//! for one the GPU's side has fixed places too.

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, TensorElementType};

use super::provider::ExecutionProvider;
use super::settings::{Bind, SessionSettings};
use super::tensor::{ElementType, TensorData, TensorInfo};

/// Where input and outputs lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In memory of the host, which does everything that a GPU's would: to see this module work.
    Host {
        /// With copies on the side that computes.
        both_sides: bool,
    },
    /// In pinned memory of the host, and with `both_sides` on the GPU too.
    Cuda { gpu: i32, both_sides: bool },
}

impl Place {
    /// What serves the provider; `None` where it reads the caller's memory as well as any other.
    pub(super) fn of(provider: ExecutionProvider, settings: &SessionSettings) -> Option<Self> {
        let graph = match provider {
            ExecutionProvider::Cuda => "enable_cuda_graph",
            ExecutionProvider::TensorRt => "trt_cuda_graph_enable",
            _ => {
                return match settings.bind {
                    Bind::Never => None,
                    Bind::Host => Some(Self::Host { both_sides: false }),
                    Bind::BothSides => Some(Self::Host { both_sides: true }),
                };
            }
        };
        let mut options = settings.provider_options.iter();
        let both_sides = options.any(|(key, value)| key == graph && is_on(value));
        let gpu = settings.device.as_deref().unwrap_or("0").parse().ok()?;
        Some(Self::Cuda { gpu, both_sides })
    }

    const fn both_sides(self) -> bool {
        match self {
            Self::Host { both_sides } | Self::Cuda { both_sides, .. } => both_sides,
        }
    }

    /// Memory that the host and the GPU reach.
    fn near(self, session: &Session) -> ort::Result<Allocator> {
        match self {
            Self::Host { .. } => Ok(Allocator::default()),
            Self::Cuda { gpu, .. } => {
                let device = AllocationDevice::CUDA_PINNED;
                let kind = MemoryType::CPUInput;
                let memory = MemoryInfo::new(device, gpu, AllocatorType::Device, kind)?;
                Allocator::new(session, memory)
            }
        }
    }

    /// Memory of the side that computes.
    fn far(self, session: &Session) -> ort::Result<Allocator> {
        match self {
            Self::Host { .. } => Ok(Allocator::default()),
            Self::Cuda { gpu, .. } => {
                let (device, kind) = (AllocationDevice::CUDA, MemoryType::Default);
                let memory = MemoryInfo::new(device, gpu, AllocatorType::Device, kind)?;
                Allocator::new(session, memory)
            }
        }
    }
}

/// As ONNX Runtime reads flags.
fn is_on(value: &str) -> bool {
    matches!(value, "1" | "true" | "True")
}

/// An input or the outputs on one side.
#[derive(Debug)]
struct Side {
    input: DynTensor,
    outputs: Vec<DynTensor>,
}

impl Side {
    fn new(
        allocator: &Allocator,
        input: &(TensorElementType, Vec<i64>),
        outputs: &[(TensorElementType, Vec<i64>)],
    ) -> ort::Result<Self> {
        let new = |(element, dims): &(TensorElementType, Vec<i64>)| {
            DynTensor::new(allocator, *element, dims.clone())
        };
        Ok(Self {
            input: new(input)?,
            outputs: outputs.iter().map(new).collect::<ort::Result<_>>()?,
        })
    }
}

/// A session's input and outputs at fixed places. To be dropped before the session.
#[derive(Debug)]
pub(super) struct Bound {
    binding: IoBinding,
    near: Side,
    far: Option<Side>,
    dims: Vec<usize>,
}

impl Bound {
    /// Binds them; `None` if a dimension is free, or an element is of a type that is not read here.
    pub(super) fn new(
        session: &Session,
        place: Place,
        input: &TensorInfo,
        outputs: &[TensorInfo],
    ) -> ort::Result<Option<Self>> {
        let described = outputs.iter().map(describe).collect::<Option<Vec<_>>>();
        let (Some(of_input), Some(of_outputs)) = (describe(input), described) else {
            return Ok(None);
        };
        let mut near = Side::new(&place.near(session)?, &of_input, &of_outputs)?;
        let mut far = match place.both_sides() {
            true => Some(Side::new(&place.far(session)?, &of_input, &of_outputs)?),
            false => None,
        };
        let mut binding = session.create_binding()?;
        let bound = far.as_mut().unwrap_or(&mut near);
        binding.bind_input(&input.name, &bound.input)?;
        for (info, output) in outputs.iter().zip(&mut bound.outputs) {
            binding.bind_output(&info.name, output)?;
        }
        let dims = of_input.1.iter().map(|&dim| dim as usize).collect();
        Ok(Some(Self {
            binding,
            near,
            far,
            dims,
        }))
    }

    /// The input's dimensions; another input needs another way.
    pub(super) fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Runs the session on `input`, whose type and dimensions are the bound ones.
    pub(super) fn run(&mut self, session: &mut Session, input: TensorData<'_>) -> ort::Result<()> {
        match input {
            TensorData::F32(data) => slice_mut(&mut self.near.input).copy_from_slice(data),
            TensorData::U8(data) => slice_mut(&mut self.near.input).copy_from_slice(data),
        }
        if let Some(far) = &mut self.far {
            self.near.input.copy_into(&mut far.input)?;
        }
        session.run_binding(&self.binding)?;
        if let Some(far) = &self.far {
            for (far, near) in far.outputs.iter().zip(&mut self.near.outputs) {
                far.copy_into(near)?;
            }
        }
        Ok(())
    }

    /// What the last run gave as this output, whose element type is `T`.
    pub(super) fn output<T: Number>(&self, index: usize) -> Option<&[T]> {
        Some(slice(self.near.outputs.get(index)?))
    }
}

/// Numbers for which every pattern of bits is one.
pub(super) trait Number: Copy {}
impl Number for f32 {}
impl Number for u8 {}
impl Number for i64 {}

/// Type and dimensions as ONNX Runtime takes them.
fn describe(info: &TensorInfo) -> Option<(TensorElementType, Vec<i64>)> {
    let element = match info.element {
        ElementType::F32 => TensorElementType::Float32,
        ElementType::U8 => TensorElementType::Uint8,
        ElementType::I64 => TensorElementType::Int64,
        ElementType::Other(_) => return None,
    };
    let dims = info.dims.iter();
    let dims = dims.map(|dim| i64::try_from((*dim)?).ok());
    Some((element, dims.collect::<Option<_>>()?))
}

/// The elements of a tensor on the near side. `ort` gives none of pinned memory, which it takes for
/// the GPU's own.
#[expect(unsafe_code, reason = "ort takes pinned memory for the GPU's own")]
fn slice<T: Number>(tensor: &DynTensor) -> &[T] {
    let length = tensor.shape().num_elements();
    assert_eq!(tensor.data_type().byte_size(1), Some(size_of::<T>()));
    // SAFETY: the near side was allocated for so many elements of that size, where the host can
    // read it, and is not written to while it is borrowed: runs borrow it mutably. They are over
    // when their call is, copies to the host included.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), length) }
}

/// As [`slice`], to write to.
#[expect(unsafe_code, reason = "ort takes pinned memory for the GPU's own")]
fn slice_mut<T: Number>(tensor: &mut DynTensor) -> &mut [T] {
    let length = tensor.shape().num_elements();
    assert_eq!(tensor.data_type().byte_size(1), Some(size_of::<T>()));
    // SAFETY: as above; nobody else has it while it is borrowed mutably.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr_mut().cast(), length) }
}
