// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Input and outputs in memory of the device that computes, for execution providers with memory of
//! their own.
//!
//! ONNX Runtime copies an input that lies elsewhere at the moment when it is bound and does not look
//! at it again (`IOBinding::BindInput`; pinned memory counts as elsewhere until version 1.30). So the tensors that are bound are the device's, and each run
//! is three steps: the picture to the device's input, the network, the device's outputs to the host.
//! Their addresses never change, which a CUDA graph (`enable_cuda_graph`, `trt_cuda_graph_enable`)
//! needs, since it repeats what was done with addresses and all.

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, TensorElementType};

use super::settings::Bind;
use super::tensor::{ElementType, TensorData, TensorInfo};

/// A device's memory, by ONNX Runtime's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The device's own.
    pub(super) device: AllocationDevice<'static>,
    /// Pinned memory of the host, which the device copies from and to without a detour.
    pub(super) pinned: AllocationDevice<'static>,
    /// The device's number.
    pub(super) number: i32,
}

/// The device whose memory input and outputs are bound in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Device {
    /// One with memory of its own.
    Own(Memory),
    /// The host, as if its memory were a GPU's: the same path on a machine without one. As there, a
    /// tensor of the host's side is copied when it is bound.
    StandIn,
}

impl Device {
    /// The device with this memory; `None` where nothing is to be bound.
    pub(super) fn of(memory: Option<Memory>, bind: Bind) -> Option<Self> {
        match (memory, bind) {
            (Some(memory), _) => Some(Self::Own(memory)),
            (None, Bind::AsOnDevice) => Some(Self::StandIn),
            (None, Bind::OnDevicesOnly) => None,
        }
    }

    /// Memory of the host that the device copies from and to without a detour where that can be had,
    /// else ordinary memory and the reason.
    fn host_memory(&self, session: &Session) -> (Allocator, Option<String>) {
        let Self::Own(Memory { pinned, number, .. }) = self else {
            return (Allocator::default(), None);
        };
        let pinned = |id| {
            let (device, kind) = (pinned.clone(), MemoryType::CPUInput);
            Allocator::new(
                session,
                MemoryInfo::new(device, id, AllocatorType::Device, kind)?,
            )
        };
        // Before 1.23 ONNX Runtime files the pinned memory of every GPU under 0, from where `ort` would
        // copy by way of that GPU.
        match pinned(*number) {
            Ok(allocator) => (allocator, None),
            Err(error) => (
                Allocator::default(),
                Some(format!("no pinned memory: {error}")),
            ),
        }
    }

    fn device_memory(&self, session: &Session) -> ort::Result<Allocator> {
        match self {
            Self::StandIn => Ok(Allocator::default()),
            Self::Own(Memory { device, number, .. }) => {
                let (device, kind) = (device.clone(), MemoryType::Default);
                let memory = MemoryInfo::new(device, *number, AllocatorType::Device, kind)?;
                Allocator::new(session, memory)
            }
        }
    }

    /// Binds an input as ONNX Runtime does for this device: what lies elsewhere is copied now.
    fn bind_input(&self, binding: &mut IoBinding, name: &str, from: &Tensors) -> ort::Result<()> {
        match (self, from.location) {
            (Self::StandIn, Location::Host) => binding.bind_input(name, &from.input.clone()),
            _ => binding.bind_input(name, &from.input),
        }
    }
}

/// The memory in which tensors lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Location {
    Host,
    Device,
}

/// The input and the outputs in one memory.
#[derive(Debug)]
struct Tensors {
    location: Location,
    input: DynTensor,
    outputs: Vec<DynTensor>,
}

impl Tensors {
    fn new(
        location: Location,
        allocator: &Allocator,
        input: &(TensorElementType, Vec<i64>),
        outputs: &[(TensorElementType, Vec<i64>)],
    ) -> ort::Result<Self> {
        let new = |(element, dims): &(TensorElementType, Vec<i64>)| {
            DynTensor::new(allocator, *element, dims.clone())
        };
        Ok(Self {
            location,
            input: new(input)?,
            outputs: outputs.iter().map(new).collect::<ort::Result<_>>()?,
        })
    }
}

/// A session's input and outputs in memory of its device. To be dropped before the session.
#[derive(Debug)]
pub(super) struct Bound {
    binding: IoBinding,
    host: Tensors,
    device: Tensors,
    dims: Vec<usize>,
    trouble: Option<String>,
}

impl Bound {
    /// Binds them; `None` if a dimension is free, or an element is of a type that is not read here.
    pub(super) fn new(
        session: &Session,
        device: &Device,
        input: &TensorInfo,
        outputs: &[TensorInfo],
    ) -> ort::Result<Option<Self>> {
        let described = outputs.iter().map(describe).collect::<Option<Vec<_>>>();
        let (Some(of_input), Some(of_outputs)) = (describe(input), described) else {
            return Ok(None);
        };
        let (allocator, trouble) = device.host_memory(session);
        let tensors = |location, allocator: &Allocator| {
            Tensors::new(location, allocator, &of_input, &of_outputs)
        };
        let on_host = tensors(Location::Host, &allocator)?;
        let mut on_device = tensors(Location::Device, &device.device_memory(session)?)?;
        let mut binding = session.create_binding()?;
        device.bind_input(&mut binding, &input.name, &on_device)?;
        for (info, output) in outputs.iter().zip(&mut on_device.outputs) {
            binding.bind_output(&info.name, output)?;
        }
        Ok(Some(Self {
            binding,
            host: on_host,
            device: on_device,
            dims: of_input.1.iter().map(|&dim| dim as usize).collect(),
            trouble,
        }))
    }

    /// The input's dimensions; another input needs another way.
    pub(super) fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The reason for which copies take longer than they could, if that is so.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Runs the session on `input`, whose type and dimensions are the bound ones.
    pub(super) fn run(&mut self, session: &mut Session, input: TensorData<'_>) -> ort::Result<()> {
        match input {
            TensorData::F32(data) => slice_mut(&mut self.host.input).copy_from_slice(data),
            TensorData::U8(data) => slice_mut(&mut self.host.input).copy_from_slice(data),
        }
        self.host.input.copy_into(&mut self.device.input)?;
        session.run_binding(&self.binding)?;
        for (device, host) in self.device.outputs.iter().zip(&mut self.host.outputs) {
            device.copy_into(host)?;
        }
        Ok(())
    }

    /// The last run's output of this number, whose element type is `T`.
    pub(super) fn output<T: Number>(&self, index: usize) -> Option<&[T]> {
        Some(slice(self.host.outputs.get(index)?))
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

/// The elements of a tensor in memory of the host. `ort` gives none of pinned memory, which it takes
/// for the GPU's own.
#[expect(unsafe_code, reason = "ort takes pinned memory for the GPU's own")]
fn slice<T: Number>(tensor: &DynTensor) -> &[T] {
    let length = tensor.shape().num_elements();
    assert_eq!(tensor.data_type().byte_size(1), Some(size_of::<T>()));
    // SAFETY: the tensor was allocated for so many elements of that size, where the host can read
    // it, and is not written to while it is borrowed: runs borrow it mutably. They are over when
    // their call is, copies to the host included.
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
