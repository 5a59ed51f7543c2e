// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What an entry of the cache is for.

use sha2::{Digest as _, Sha256};

/// Names an entry: two entries are the same only if all of this is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// The model's name, for people.
    pub model: String,
    /// The network's size, for people.
    pub size: String,
    /// Everything else that changes what is kept. Where it is empty nothing is kept.
    pub facts: String,
}

impl Key {
    /// The key for what is made from this and also depends on `facts`.
    pub(crate) fn with(&self, facts: &str) -> Self {
        let facts = match self.facts.as_str() {
            "" => String::new(),
            known => format!("{known}; {facts}"),
        };
        Self {
            facts,
            ..self.clone()
        }
    }

    /// The key as the name of a folder.
    pub(super) fn file_name(&self) -> String {
        const LONGEST: usize = 48;
        let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let readable: String = format!("{}-{}", self.model, self.size)
            .chars()
            .take(LONGEST)
            .map(|c| if harmless(c) { c } else { '_' })
            .collect();
        format!("{readable}-{}", self.short())
    }

    /// Sixteen hex digits that differ between keys.
    pub(crate) fn short(&self) -> String {
        let mut digits = sha256(self.text().as_bytes());
        digits.truncate(16);
        digits
    }

    /// All of it in one line.
    pub(super) fn text(&self) -> String {
        format!("{:?} {:?} {:?}", self.model, self.size, self.facts)
    }
}

/// In hex digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
