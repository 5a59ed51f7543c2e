// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The functions and classes that a pickle may name, and what "calling" one makes: a plain value.

use super::object::{Object, RawTensor, Ref};
use super::pickle::{Machine, PickleError, Result};
use safetensors::Dtype;

/// The networks at hand have tensors of up to five dimensions.
pub(in crate::checkpoint) const MAX_RANK: usize = 8;
/// PyTorch numbers its storages.
const MAX_KEY_BYTES: usize = 64;

/// A function or class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Size,
    /// How protocol 2 writes bytes.
    Encode,
    Storage(Dtype),
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        let dtype = match (module, name) {
            ("collections", "OrderedDict") => return Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => {
                return Some(Self::RebuildTensor);
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                return Some(Self::RebuildParameter);
            }
            ("torch", "Size") => return Some(Self::Size),
            ("_codecs", "encode") => return Some(Self::Encode),
            ("torch", "FloatStorage") => Dtype::F32,
            ("torch", "DoubleStorage") => Dtype::F64,
            ("torch", "HalfStorage") => Dtype::F16,
            ("torch", "BFloat16Storage") => Dtype::BF16,
            ("torch", "LongStorage") => Dtype::I64,
            ("torch", "IntStorage") => Dtype::I32,
            ("torch", "ShortStorage") => Dtype::I16,
            ("torch", "CharStorage") => Dtype::I8,
            ("torch", "ByteStorage") => Dtype::U8,
            ("torch", "BoolStorage") => Dtype::BOOL,
            _ => return None,
        };
        Some(Self::Storage(dtype))
    }
}

const WRONG_CALL: PickleError =
    PickleError::Inconsistent("a call's arguments are not those of a checkpoint");
const WRONG_STORAGE: PickleError =
    PickleError::Inconsistent("a storage's id is not that of a checkpoint");

impl Machine<'_> {
    /// What the "call" of an allowed global makes. Nothing that may be long is copied unless it is
    /// paid for: a pickle can repeat a call on one long list as often as it likes.
    pub(super) fn call(&mut self, function: Ref, arguments: Ref) -> Result<Ref> {
        let Object::Global(global) = self.objects[function] else {
            return Err(PickleError::Inconsistent("it calls what is no function"));
        };
        let Object::Tuple(items) = &self.objects[arguments] else {
            return Err(PickleError::Inconsistent("a call's arguments are no tuple"));
        };
        match (global, items.as_slice()) {
            (Global::OrderedDict, []) => Ok(self.make(Object::Dict(Vec::new()))),
            (Global::OrderedDict, &[pairs]) => self.ordered_dict(pairs),
            (Global::Size, &[shape]) if self.items(shape).is_some() => Ok(shape),
            (Global::Encode, &[_, _]) => Ok(self.make(Object::Bytes)),
            (Global::RebuildTensor, &[storage, offset, shape, strides, ref rest @ ..]) => {
                // requires_grad, backward hooks, and a dict of bits such as "negate when read".
                if rest.get(2).is_some_and(|bits| !self.is_empty(*bits)) || rest.len() > 3 {
                    return Err(PickleError::Inconsistent(
                        "a tensor is a lazily conjugated or negated view",
                    ));
                }
                let tensor = self.tensor(storage, offset, shape, strides);
                let tensor = tensor.ok_or(WRONG_CALL)?;
                Ok(self.make(Object::Tensor(tensor)))
            }
            (Global::RebuildParameter, &[tensor, ..])
                if matches!(self.objects[tensor], Object::Tensor(_)) =>
            {
                Ok(tensor)
            }
            _ => Err(WRONG_CALL),
        }
    }

    fn items(&self, object: Ref) -> Option<&[Ref]> {
        match &self.objects[object] {
            Object::Tuple(items) | Object::List(items) => Some(items),
            _ => None,
        }
    }

    fn is_empty(&self, object: Ref) -> bool {
        match &self.objects[object] {
            Object::None => true,
            Object::Dict(entries) => entries.is_empty(),
            _ => false,
        }
    }

    /// Python 2 pickles an OrderedDict as a call with a list of pairs.
    fn ordered_dict(&mut self, pairs: Ref) -> Result<Ref> {
        let count = self.items(pairs).ok_or(WRONG_CALL)?.len();
        self.spend(count)?;
        let pair = |pair: &Ref| match self.items(*pair) {
            Some(&[key, value]) => Some((key, value)),
            _ => None,
        };
        let pairs = self.items(pairs).unwrap_or_default().iter().map(pair);
        let entries = pairs.collect::<Option<_>>().ok_or(WRONG_CALL)?;
        Ok(self.make(Object::Dict(entries)))
    }

    fn tensor(&self, storage: Ref, offset: Ref, shape: Ref, strides: Ref) -> Option<RawTensor> {
        matches!(self.objects[storage], Object::Storage { .. }).then_some(())?;
        Some(RawTensor {
            storage,
            offset: self.count(offset)?,
            shape: self.counts(shape)?,
            strides: self.counts(strides)?,
        })
    }

    fn count(&self, object: Ref) -> Option<u64> {
        match self.objects[object] {
            Object::Int(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    fn counts(&self, object: Ref) -> Option<Vec<u64>> {
        let items = self.items(object)?;
        (items.len() <= MAX_RANK).then_some(())?;
        items.iter().map(|item| self.count(*item)).collect()
    }

    /// `('storage', torch.FloatStorage, key, location, elements[, view])`.
    pub(super) fn storage(&mut self, id: Ref) -> Result<Ref> {
        let Object::Tuple(items) = &self.objects[id] else {
            return Err(WRONG_STORAGE);
        };
        let &[_, kind, key, _, count, ref view @ ..] = items.as_slice() else {
            return Err(WRONG_STORAGE);
        };
        let no_view = |view: &Ref| matches!(self.objects[*view], Object::None);
        if !view.iter().all(no_view) {
            return Err(PickleError::Inconsistent("a storage is a view of another"));
        }
        let Object::Global(Global::Storage(dtype)) = self.objects[kind] else {
            return Err(WRONG_STORAGE);
        };
        let key = match &self.objects[key] {
            Object::Text(key) if key.len() <= MAX_KEY_BYTES => key.clone(),
            Object::Int(key) => key.to_string(),
            _ => return Err(WRONG_STORAGE),
        };
        let count = self.count(count).ok_or(WRONG_STORAGE)?;
        Ok(self.make(Object::Storage { dtype, key, count }))
    }
}
