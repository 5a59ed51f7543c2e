// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A reader of pickles (protocols 2 to 4) that builds plain values and runs nothing.
//!
//! A pickle is a program: its GLOBAL opcode names any Python function and REDUCE calls it. Here a
//! GLOBAL must be on the list of [`Global`], and a "call" only ever makes one of the values of
//! [`Object`]. Objects live in one arena and refer to each other by index, so that shared,
//! repeated and circular references cost nothing and drop without recursion.

use safetensors::Dtype;

/// Published checkpoints describe their tensors in less than 1 MB of pickle.
const MAX_BYTES: usize = 64 << 20;

/// An object in the arena.
pub(super) type Ref = usize;

/// The functions and classes that may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Size,
    Storage(Dtype),
}

impl Global {
    fn find(module: &str, name: &str) -> Option<Self> {
        let dtype = match (module, name) {
            ("collections", "OrderedDict") => return Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => {
                return Some(Self::RebuildTensor);
            }
            ("torch._utils", "_rebuild_parameter") => return Some(Self::RebuildParameter),
            ("torch", "Size") => return Some(Self::Size),
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

/// A tensor as the pickle describes it; offsets and strides count elements of its storage.
#[derive(Clone, Debug)]
pub(super) struct RawTensor {
    pub(super) storage: Ref,
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Object {
    None,
    Bool,
    Int(i64),
    /// An integer beyond 64 bits, little-endian.
    Long(Vec<u8>),
    Float,
    Text(String),
    Bytes,
    Tuple(Vec<Ref>),
    List(Vec<Ref>),
    Dict(Vec<(Ref, Ref)>),
    Global(Global),
    /// A persistent id: a storage of so many elements.
    Storage {
        dtype: Dtype,
        key: String,
        count: u64,
    },
    Tensor(RawTensor),
}

/// Why a pickle was refused.
#[derive(Debug, thiserror::Error)]
pub enum PickleError {
    /// It ends in the middle.
    #[error("it ends in the middle")]
    Truncated,
    /// It names a function or class that has no business in a checkpoint.
    #[error("it names {module}.{name}, which is not part of a checkpoint and is never run")]
    Global {
        /// The Python module.
        module: String,
        /// The function or class.
        name: String,
    },
    /// An opcode that checkpoints do not use.
    #[error("it has the opcode {0:#04x}, which checkpoints do not use")]
    Opcode(u8),
    /// Its opcodes do not fit together.
    #[error("it is inconsistent: {0}")]
    Inconsistent(&'static str),
    /// It is larger than any checkpoint's.
    #[error("its description of the tensors takes {0} bytes, more than any checkpoint's")]
    TooLarge(usize),
}

type Result<T> = std::result::Result<T, PickleError>;

/// A pickle's result.
#[derive(Debug)]
pub(super) struct Pickle {
    objects: Vec<Object>,
    pub(super) root: Ref,
    /// Bytes read.
    pub(super) length: usize,
}

impl Pickle {
    pub(super) fn get(&self, object: Ref) -> &Object {
        &self.objects[object]
    }

    /// The entries of a dict.
    pub(super) fn dict(&self, object: Ref) -> Option<&[(Ref, Ref)]> {
        match self.get(object) {
            Object::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// Everything that was made.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }

    pub(super) fn text(&self, object: Ref) -> Option<&str> {
        match self.get(object) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads the pickle at the start of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle> {
    Machine {
        bytes: &bytes[..bytes.len().min(MAX_BYTES)],
        whole: bytes.len(),
        ..Default::default()
    }
    .run()
}

/// What is on the stack.
#[derive(Clone, Copy)]
enum Item {
    Mark,
    Value(Ref),
}

#[derive(Default)]
struct Machine<'p> {
    bytes: &'p [u8],
    whole: usize,
    at: usize,
    objects: Vec<Object>,
    stack: Vec<Item>,
    memo: std::collections::HashMap<u32, Ref>,
}

impl Machine<'_> {
    fn run(mut self) -> Result<Pickle> {
        loop {
            let opcode = self.byte()?;
            match opcode {
                // PROTO, FRAME
                0x80 => {
                    self.take(1)?;
                }
                0x95 => {
                    self.take(8)?;
                }
                // STOP
                b'.' => {
                    let root = self.pop()?;
                    return Ok(Pickle {
                        objects: self.objects,
                        root,
                        length: self.at,
                    });
                }
                b'(' => self.stack.push(Item::Mark),
                b'0' => {
                    self.stack.pop();
                }
                b'2' => {
                    let top = self.pop()?;
                    self.stack.push(Item::Value(top));
                    self.stack.push(Item::Value(top));
                }
                b'N' => self.push(Object::None),
                0x88 | 0x89 => self.push(Object::Bool),
                b'K' => {
                    let value = self.byte()?;
                    self.push(Object::Int(value.into()));
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Object::Int(value.into()));
                }
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Object::Int(value.into()));
                }
                // LONG1
                0x8a => {
                    let length = self.byte()?;
                    let bytes = self.take(length.into())?.to_vec();
                    self.push(long(bytes));
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Object::Float);
                }
                // Texts: BINUNICODE, SHORT_BINUNICODE, BINUNICODE8; and Python 2's, BINSTRING and
                // SHORT_BINSTRING.
                b'X' | b'T' => self.text_of(4)?,
                0x8c | b'U' => self.text_of(1)?,
                0x8d => self.text_of(8)?,
                // Bytes: BINBYTES, SHORT_BINBYTES, BINBYTES8.
                b'B' => self.bytes_of(4)?,
                b'C' => self.bytes_of(1)?,
                0x8e => self.bytes_of(8)?,
                // Containers.
                b')' => self.push(Object::Tuple(Vec::new())),
                b']' => self.push(Object::List(Vec::new())),
                b'}' => self.push(Object::Dict(Vec::new())),
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Tuple(items));
                }
                b'l' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::List(items));
                }
                0x85..=0x87 => {
                    let mut items = (0..opcode - 0x84)
                        .map(|_| self.pop())
                        .collect::<Result<Vec<_>>>()?;
                    items.reverse();
                    self.push(Object::Tuple(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.extend(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.insert(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.insert(&items)?;
                }
                // The memo: BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET.
                b'q' => {
                    let slot = self.byte()?;
                    self.memoize(slot.into())?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.memoize(slot)?;
                }
                0x94 => {
                    let slot = self.memo.len() as u32;
                    self.memoize(slot)?;
                }
                b'h' => {
                    let slot = self.byte()?;
                    self.recall(slot.into())?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.recall(slot)?;
                }
                // GLOBAL, STACK_GLOBAL
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.global(module, name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let text = |object: Ref| match &self.objects[object] {
                        Object::Text(text) => Ok(text.clone()),
                        _ => Err(PickleError::Inconsistent("a global's name is no text")),
                    };
                    let (module, name) = (text(module)?, text(name)?);
                    self.global(module, name)?;
                }
                // REDUCE, BUILD, BINPERSID
                b'R' => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    let made = self.call(function, arguments)?;
                    self.push(made);
                }
                b'b' => {
                    // Attributes, such as a state dict's `_metadata`, carry no tensors.
                    self.pop()?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(storage);
                }
                other => return Err(PickleError::Opcode(other)),
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8]> {
        let end = self.at.checked_add(count).ok_or(PickleError::Truncated)?;
        if end > self.bytes.len() {
            return Err(if self.whole > self.bytes.len() {
                PickleError::TooLarge(self.whole)
            } else {
                PickleError::Truncated
            });
        }
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    /// A length of so many bytes.
    fn length(&mut self, width: usize) -> Result<usize> {
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(self.take(width)?);
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| PickleError::Truncated)
    }

    fn line(&mut self) -> Result<String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(512).position(|byte| *byte == b'\n');
        let end = end.ok_or(PickleError::Truncated)?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.at += end + 1;
        Ok(line)
    }

    fn text_of(&mut self, width: usize) -> Result<()> {
        let length = self.length(width)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Object::Text(text));
        Ok(())
    }

    fn bytes_of(&mut self, width: usize) -> Result<()> {
        let length = self.length(width)?;
        self.take(length)?;
        self.push(Object::Bytes);
        Ok(())
    }

    fn push(&mut self, object: Object) {
        self.objects.push(object);
        self.stack.push(Item::Value(self.objects.len() - 1));
    }

    fn pop(&mut self) -> Result<Ref> {
        match self.stack.pop() {
            Some(Item::Value(object)) => Ok(object),
            _ => Err(PickleError::Inconsistent("its stack is empty")),
        }
    }

    fn top(&self) -> Result<Ref> {
        match self.stack.last() {
            Some(Item::Value(object)) => Ok(*object),
            _ => Err(PickleError::Inconsistent("its stack is empty")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Ref>> {
        let mut items = Vec::new();
        loop {
            match self.stack.pop() {
                Some(Item::Value(object)) => items.push(object),
                Some(Item::Mark) => break,
                None => return Err(PickleError::Inconsistent("a mark is missing")),
            }
        }
        items.reverse();
        Ok(items)
    }

    fn extend(&mut self, items: Vec<Ref>) -> Result<()> {
        let list = self.top()?;
        match &mut self.objects[list] {
            Object::List(list) => {
                list.extend(items);
                Ok(())
            }
            _ => Err(PickleError::Inconsistent("it appends to what is no list")),
        }
    }

    fn insert(&mut self, items: &[Ref]) -> Result<()> {
        let dict = self.top()?;
        match &mut self.objects[dict] {
            Object::Dict(dict) => {
                dict.extend(items.as_chunks::<2>().0.iter().map(|[k, v]| (*k, *v)));
                Ok(())
            }
            _ => Err(PickleError::Inconsistent(
                "it sets items of what is no dict",
            )),
        }
    }

    fn memoize(&mut self, slot: u32) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<()> {
        let object = self.memo.get(&slot).copied();
        let object = object.ok_or(PickleError::Inconsistent("it recalls what it never stored"))?;
        self.stack.push(Item::Value(object));
        Ok(())
    }

    fn global(&mut self, module: String, name: String) -> Result<()> {
        match Global::find(&module, &name) {
            Some(global) => {
                self.push(Object::Global(global));
                Ok(())
            }
            None => Err(PickleError::Global { module, name }),
        }
    }

    fn arguments(&self, arguments: Ref) -> Result<&[Ref]> {
        match &self.objects[arguments] {
            Object::Tuple(items) => Ok(items),
            _ => Err(PickleError::Inconsistent("a call's arguments are no tuple")),
        }
    }

    /// What the "call" of an allowed global makes.
    fn call(&self, function: Ref, arguments: Ref) -> Result<Object> {
        let wrong = PickleError::Inconsistent("a call's arguments are not those of a checkpoint");
        let Object::Global(global) = self.objects[function] else {
            return Err(PickleError::Inconsistent("it calls what is no function"));
        };
        let items = self.arguments(arguments)?;
        match (global, items) {
            (Global::OrderedDict, []) => Ok(Object::Dict(Vec::new())),
            (Global::OrderedDict, [pairs]) => {
                let Object::List(pairs) = &self.objects[*pairs] else {
                    return Err(wrong);
                };
                let pair = |pair: &Ref| match self.objects[*pair] {
                    Object::Tuple(ref pair) | Object::List(ref pair) if pair.len() == 2 => {
                        Some((pair[0], pair[1]))
                    }
                    _ => None,
                };
                let pairs: Option<_> = pairs.iter().map(pair).collect();
                pairs.map(Object::Dict).ok_or(wrong)
            }
            (Global::Size, [shape]) => match &self.objects[*shape] {
                Object::Tuple(items) | Object::List(items) => Ok(Object::Tuple(items.clone())),
                _ => Err(wrong),
            },
            (Global::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                let (Some(offset), Some(shape), Some(strides)) = (
                    self.count(*offset),
                    self.counts(*shape),
                    self.counts(*strides),
                ) else {
                    return Err(wrong);
                };
                if !matches!(self.objects[*storage], Object::Storage { .. }) {
                    return Err(wrong);
                }
                Ok(Object::Tensor(RawTensor {
                    storage: *storage,
                    offset,
                    shape,
                    strides,
                }))
            }
            (Global::RebuildParameter, [tensor, ..]) => match &self.objects[*tensor] {
                Object::Tensor(tensor) => Ok(Object::Tensor(tensor.clone())),
                _ => Err(wrong),
            },
            _ => Err(wrong),
        }
    }

    fn count(&self, object: Ref) -> Option<u64> {
        match self.objects[object] {
            Object::Int(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    fn counts(&self, object: Ref) -> Option<Vec<u64>> {
        match &self.objects[object] {
            Object::Tuple(items) | Object::List(items) => {
                items.iter().map(|item| self.count(*item)).collect()
            }
            _ => None,
        }
    }

    /// `('storage', torch.FloatStorage, key, location, elements[, view])`.
    fn storage(&self, id: Ref) -> Result<Object> {
        let wrong = PickleError::Inconsistent("a storage's id is not that of a checkpoint");
        let items = match &self.objects[id] {
            Object::Tuple(items) => items,
            _ => return Err(wrong),
        };
        let (&[_, kind, key, _, count], rest) = match items.split_at_checked(5) {
            Some((head, rest)) => (<&[Ref; 5]>::try_from(head).expect("five"), rest),
            None => return Err(wrong),
        };
        if rest
            .iter()
            .any(|view| !matches!(self.objects[*view], Object::None))
        {
            return Err(PickleError::Inconsistent("a storage is a view of another"));
        }
        let Object::Global(Global::Storage(dtype)) = self.objects[kind] else {
            return Err(wrong);
        };
        let key = match &self.objects[key] {
            Object::Text(key) => key.clone(),
            Object::Int(key) => key.to_string(),
            _ => return Err(wrong),
        };
        let count = self.count(count).ok_or(wrong)?;
        Ok(Object::Storage { dtype, key, count })
    }
}

/// A two's complement integer of any length.
fn long(bytes: Vec<u8>) -> Object {
    if bytes.len() > 8 {
        return Object::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    whole[..bytes.len()].copy_from_slice(&bytes);
    Object::Int(i64::from_le_bytes(whole))
}
