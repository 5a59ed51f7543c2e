// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A bearer token in a file that somebody else renews.

use super::error::RemoteError;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tonic::metadata::{Ascii, MetadataValue};

/// Longer files are no token.
const LONGEST: u64 = 64 << 10;

/// What a file looked like when it was read: replaced, rewritten or touched, it looks different.
type Look = (u64, u64, i64, i64, u64);

/// The value of the `authorization` header, kept up to date with a file.
pub(super) struct Token {
    path: PathBuf,
    read: Mutex<(Look, MetadataValue<Ascii>)>,
}

impl Token {
    /// Reads the file.
    pub(super) fn open(path: &Path) -> Result<Self, RemoteError> {
        Ok(Self {
            path: path.into(),
            read: Mutex::new(read(path)?),
        })
    }

    /// What to send now. Where the file has changed it is read again; one that is just being
    /// written, and so is missing, empty or torn, leaves the last good token in use.
    pub(super) fn header(&self) -> MetadataValue<Ascii> {
        let mut kept = self.lock();
        let changed = fs::metadata(&self.path).is_ok_and(|metadata| look(&metadata) != kept.0);
        if changed && let Ok(new) = read(&self.path) {
            *kept = new;
        }
        kept.1.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (Look, MetadataValue<Ascii>)> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({})", self.path.display())
    }
}

fn look(metadata: &Metadata) -> Look {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.len(),
    )
}

fn read(path: &Path) -> Result<(Look, MetadataValue<Ascii>), RemoteError> {
    let wrong = |cause: String| RemoteError::TokenFile {
        path: path.into(),
        cause,
    };
    let unreadable = |error: std::io::Error| wrong(error.to_string());
    let file = fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(wrong("it is no file".into()));
    }
    let mut text = String::new();
    file.take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > LONGEST {
        return Err(wrong("it is larger than 64 KiB".into()));
    }
    let token = text.trim();
    if token.is_empty() {
        return Err(wrong("it is empty".into()));
    }
    // The characters themselves never go into a message.
    if !token.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(wrong(
            "it holds a space or something other than ASCII".into(),
        ));
    }
    let mut header = MetadataValue::try_from(format!("Bearer {token}"))
        .map_err(|_| wrong("it cannot be sent in a header".into()))?;
    header.set_sensitive(true);
    Ok((look(&metadata), header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_token_is_sent_and_a_torn_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "one\n").unwrap();
        let token = Token::open(&path).unwrap();
        assert_eq!(token.header(), "Bearer one");
        assert!(token.header().is_sensitive());
        fs::write(&path, "").unwrap();
        assert_eq!(token.header(), "Bearer one", "while it is empty");
        fs::remove_file(&path).unwrap();
        assert_eq!(token.header(), "Bearer one", "while it is gone");
        // As Kubernetes renews: another file gets the name.
        fs::write(folder.path().join("new"), "two").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(token.header(), "Bearer two");
        assert!(!format!("{token:?}").contains("two"));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let refused = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            Token::open(&path).unwrap_err().to_string()
        };
        for (content, reason) in [
            (&b" \n"[..], "empty"),
            (b"secret words", "holds a space"),
            (b"secret\r\nx-admin: yes", "holds a space"),
            ("sécret".as_bytes(), "other than ASCII"),
            (b"\xffsecret", "UTF-8"),
            (&[b'a'; 70_000], "larger than 64 KiB"),
        ] {
            let error = refused(content);
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("cret"), "{error} keeps the secret");
        }
        assert!(Token::open(folder.path()).is_err());
        assert!(Token::open(&folder.path().join("none")).is_err());
    }
}
