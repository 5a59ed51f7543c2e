// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A reader of pickles (protocols 2 to 5) that builds plain values and runs nothing.
//!
//! A pickle is a program: its GLOBAL opcode names any Python function and REDUCE calls it. Here a
//! GLOBAL must be on the list of [`Global`], and a "call" only ever makes one of the values of
//! [`Object`]. Opcodes are those that `torch.save` writes for dicts of tensors and plain values;
//! their bytes are listed in Python's `pickletools`.

use super::globals::Global;
use super::object::{Object, Pickle, Ref};
use crate::checkpoint::error::printable;

/// Published checkpoints describe their tensors in less than 1 MB of pickle.
const MAX_BYTES: usize = 16 << 20;
/// Opcodes, and items that they copy. Each costs up to 150 bytes of memory; published checkpoints
/// need some 50 for each tensor.
const MAX_STEPS: usize = 1 << 20;
/// Of the name of a module or of a function.
const MAX_LINE_BYTES: usize = 512;

/// Why a pickle was refused.
#[derive(Debug, thiserror::Error)]
pub enum PickleError {
    /// It ends in the middle.
    #[error("its description of the tensors ends in the middle")]
    Truncated,
    /// It names a function or class that has no business in a checkpoint.
    #[error(
        "it names {}.{}, which is not part of a checkpoint and is never run",
        printable(module),
        printable(name)
    )]
    Global {
        /// The Python module.
        module: String,
        /// The function or class.
        name: String,
    },
    /// An opcode that checkpoints do not use.
    #[error("it has the pickle opcode {0:#04x}, which checkpoints do not use")]
    Opcode(u8),
    /// Its opcodes do not fit together.
    #[error("its description of the tensors is inconsistent: {0}")]
    Inconsistent(&'static str),
    /// It is larger than any checkpoint's.
    #[error(
        "its description of the tensors takes more than {MAX_BYTES} bytes or {MAX_STEPS} steps, more than any checkpoint's"
    )]
    TooLarge,
}

pub(super) type Result<T> = std::result::Result<T, PickleError>;

/// Reads the pickle at the start of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle> {
    Machine {
        bytes: &bytes[..bytes.len().min(MAX_BYTES)],
        is_whole: bytes.len() <= MAX_BYTES,
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
pub(super) struct Machine<'p> {
    bytes: &'p [u8],
    is_whole: bool,
    at: usize,
    steps: usize,
    pub(super) objects: Vec<Object>,
    stack: Vec<Item>,
    memo: std::collections::HashMap<u32, Ref>,
}

impl<'p> Machine<'p> {
    fn run(mut self) -> Result<Pickle> {
        loop {
            self.spend(1)?;
            let opcode = self.byte()?;
            match opcode {
                // PROTO; FRAME, of which only its length is not needed
                0x80 if self.byte()? <= 5 => {}
                0x80 => return Err(PickleError::Inconsistent("its protocol is unknown")),
                0x95 => {
                    let length = self.length(8)?;
                    if length > self.bytes.len() - self.at {
                        return Err(self.ended());
                    }
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
                0x88 | 0x89 => self.push(Object::Bool(opcode == 0x88)),
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
                    let bytes = self.take(length.into())?;
                    self.push(Object::integer(bytes));
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
                // GLOBAL, STACK_GLOBAL; INST, which would also call it
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Object::Global(global(&module, &name)?));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Object::Text(module), Object::Text(name)) =
                        (&self.objects[module], &self.objects[name])
                    else {
                        return Err(PickleError::Inconsistent("a global's name is no text"));
                    };
                    self.push(Object::Global(global(module, name)?));
                }
                b'i' => {
                    global(&self.line()?, &self.line()?)?;
                    return Err(PickleError::Opcode(opcode));
                }
                // REDUCE, BUILD, BINPERSID
                b'R' => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    let made = self.call(function, arguments)?;
                    self.stack.push(Item::Value(made));
                }
                b'b' => {
                    // Attributes, such as a state dict's `_metadata`, carry no tensors.
                    self.pop()?;
                    self.top()?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.stack.push(Item::Value(storage));
                }
                other => return Err(PickleError::Opcode(other)),
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'p [u8]> {
        let end = self.at.checked_add(count);
        let slice = end.and_then(|end| self.bytes.get(self.at..end));
        let slice = slice.ok_or_else(|| self.ended())?;
        self.at += count;
        Ok(slice)
    }

    fn ended(&self) -> PickleError {
        if self.is_whole {
            PickleError::Truncated
        } else {
            PickleError::TooLarge
        }
    }

    /// Counts what takes memory or time.
    pub(super) fn spend(&mut self, steps: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS {
            return Err(PickleError::TooLarge);
        }
        Ok(())
    }

    /// Puts an object into the arena.
    pub(super) fn make(&mut self, object: Object) -> Ref {
        self.objects.push(object);
        self.objects.len() - 1
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
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| self.ended())
    }

    fn line(&mut self) -> Result<String> {
        let rest = self.bytes[self.at..].iter().take(MAX_LINE_BYTES);
        let end = rest.clone().position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or_else(|| self.ended())? + 1)?;
        Ok(String::from_utf8_lossy(&line[..line.len() - 1]).into_owned())
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
        let made = self.make(object);
        self.stack.push(Item::Value(made));
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
}

fn global(module: &str, name: &str) -> Result<Global> {
    Global::find(module, name).ok_or_else(|| PickleError::Global {
        module: module.into(),
        name: name.into(),
    })
}
