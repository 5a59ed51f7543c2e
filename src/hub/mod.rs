// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Published checkpoints by name, and where they lie once `dpt-onnx fetch` has brought them.
//!
//! Nothing here uses the network: the table is data, the rest looks at folders.

mod catalogue;
mod entry;
mod error;
mod manifest;

pub use catalogue::entries;
pub use entry::{Entry, File, Source};
pub use error::HubError;
pub use manifest::{FetchedFile, Manifest};

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The environment variable that names the folder for fetched models.
pub const MODELS_VARIABLE: &str = "DPTDEPTH_MODELS";

/// The entry with exactly this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.name == name)
}

/// Names that a mistyped one may have meant, the likeliest first; none if nothing is near.
pub fn nearest(name: &str) -> Vec<&'static str> {
    let name = name.to_lowercase().replace(['_', '/', ' '], "-");
    let mut near: Vec<(usize, &'static str)> = entries()
        .filter_map(|entry| {
            let distance = distance(&name, entry.name);
            let part = name.len() >= 4 && entry.name.contains(&name);
            (part || distance <= name.len() / 4 + 1).then_some((distance, entry.name))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name).take(5).collect()
}

/// The folder that holds a folder for each fetched model: `$DPTDEPTH_MODELS`, else
/// `gst-dptdepth/models` in the user's data folder. None where no variable names a place.
pub fn models_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = variable(MODELS_VARIABLE) {
        return std::path::absolute(folder).ok();
    }
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let data =
        absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("gst-dptdepth/models"))
}

/// Where the model of this name lies or would lie. None for a name that is not in the catalogue
/// or where [`models_folder`] is none.
pub fn folder(name: &str) -> Option<PathBuf> {
    Some(models_folder()?.join(find(name)?.name))
}

/// The folder of a model that has been fetched completely.
pub fn fetched(name: &str) -> Option<PathBuf> {
    let folder = folder(name)?;
    is_complete(find(name)?, &folder).then_some(folder)
}

/// Whether `folder` holds all files of the entry, as the manifest that was written last says.
pub fn is_complete(entry: &Entry, folder: &Path) -> bool {
    let Some(manifest) = Manifest::read(folder) else {
        return false;
    };
    manifest.name == entry.name
        && entry.files.iter().all(|file| {
            let known = manifest
                .files
                .iter()
                .find(|known| known.name == file.name());
            let there = std::fs::metadata(folder.join(file.name()));
            known
                .zip(there.ok())
                .is_some_and(|(known, there)| there.len() == known.bytes)
        })
}

/// What a user's model path stands for: itself, or the folder of the fetched model if it is a
/// catalogue name and there is no such file.
///
/// # Errors
/// If the path is a name whose model is not here, or nearly one.
pub fn resolve(path: &Path) -> Result<Cow<'_, Path>, HubError> {
    let Some(name) = path.to_str().filter(|name| is_word(name)) else {
        return Ok(path.into());
    };
    if path.exists() {
        return Ok(path.into());
    }
    if find(name).is_none() {
        return match nearest(name).as_slice() {
            [] => Ok(path.into()),
            names => Err(HubError::Unknown {
                name: name.into(),
                nearest: names.join(", "),
            }),
        };
    }
    match fetched(name) {
        Some(folder) => Ok(folder.into()),
        None => Err(HubError::NotFetched { name: name.into() }),
    }
}

/// Whether this could be a name: one component that is no file's.
fn is_word(text: &str) -> bool {
    let files = ["onnx", "safetensors", "pt", "pth", "bin", "json"];
    let extension = Path::new(text).extension().and_then(|text| text.to_str());
    !text.is_empty()
        && !text.contains(std::path::is_separator)
        && !extension.is_some_and(|extension| files.contains(&extension))
}

/// Levenshtein's distance between two ASCII texts.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
