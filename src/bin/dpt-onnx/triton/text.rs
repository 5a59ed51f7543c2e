// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Protobuf's text format, as much of it as a configuration needs
//! (<https://protobuf.dev/reference/protobuf/textformat-spec/>).

use std::fmt::{Display, Write as _};

/// A message as text, two spaces a level.
#[derive(Default)]
pub(super) struct Message {
    text: String,
    depth: usize,
}

impl Message {
    /// A field whose value is written as it is: a number, a truth value, a word of an enum.
    pub(super) fn word(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.line(format_args!("{name}: {value}"))
    }

    /// A string field.
    pub(super) fn string(&mut self, name: &str, value: &str) -> &mut Self {
        self.line(format_args!("{name}: {}", quoted(value)))
    }

    /// A repeated field of numbers, on one line.
    pub(super) fn numbers<T: Display>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        self.line(format_args!("{name}: [ {} ]", values.join(", ")))
    }

    /// A field that is a message.
    pub(super) fn message(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.line(format_args!("{name} {{"));
        self.depth += 1;
        fill(self);
        self.depth -= 1;
        self.line(format_args!("}}"))
    }

    /// A comment, for people who read the file.
    pub(super) fn comment(&mut self, text: &str) -> &mut Self {
        self.line(format_args!("# {text}"))
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> &mut Self {
        let indent = 2 * self.depth;
        writeln!(self.text, "{:indent$}{line}", "").expect("a String takes everything");
        self
    }
}

/// A string literal. What is not printable ASCII becomes octal escapes of its UTF-8 bytes, three
/// digits each, which a digit behind cannot lengthen.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\{byte:03o}").expect("a String takes everything"),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted(r#"{"a": "b\c"}"#), r#""{\"a\": \"b\\c\"}""#);
        assert_eq!(quoted("\u{e4}1\n\0"), r#""\303\2441\012\000""#);
        assert_eq!(quoted("# { ' }"), r##""# { ' }""##);
    }
}
