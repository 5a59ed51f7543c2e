// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Fields of a protobuf message, one by one and without copies. Decoding a stranger's whole file
//! into structs would let two bytes of it take hundreds of bytes of memory.

/// A field's value.
pub(super) enum Value<'b> {
    Number(u64),
    /// A text, a message, or packed numbers.
    Bytes(&'b [u8]),
    /// Fixed-size numbers, of which nothing here is made.
    Other,
}

/// What is no protobuf message.
pub(super) struct Damaged;

/// The fields of the message in `bytes`, in the file's order: their tags and values.
pub(super) struct Fields<'b>(pub(super) &'b [u8]);

impl<'b> Fields<'b> {
    fn field(&mut self) -> Option<(u32, Value<'b>)> {
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.0)?),
            1 => self.0.split_off(..8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).ok()?;
                Value::Bytes(self.0.split_off(..length)?)
            }
            5 => self.0.split_off(..4).map(|_| Value::Other)?,
            // Groups, which ONNX does not have.
            _ => return None,
        };
        Some((u32::try_from(key >> 3).ok()?, value))
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u32, Value<'b>), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Damaged))
    }
}

/// Takes a number from the front: seven bits a byte, the lowest first.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
