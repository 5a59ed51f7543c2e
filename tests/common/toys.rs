// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The toy checkpoints of all architectures in `tests/data`.

use gstdptdepth::model::{Choice, Model};
use gstdptdepth::spec::Size;
use std::path::Path;

/// A small checkpoint of one architecture.
pub(crate) struct Toy {
    /// Such as `dpt/swinv2`.
    pub(crate) name: String,
    pub(crate) model: Model,
    /// The largest size that there are reference values for.
    pub(crate) size: Size,
}

/// All of them in `data`, which is `tests/data` or a copy of it, in a fixed order.
pub(crate) fn toys_in(data: &Path) -> Vec<Toy> {
    let mut toys = Vec::new();
    for family in ["dpt", "original"] {
        let folders = std::fs::read_dir(data.join(family)).unwrap();
        let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
        // A folder without weights has values of a model inside the plugin.
        folders.retain(|path| path.is_dir() && !path.join("photo.safetensors").exists());
        folders.sort();
        for folder in folders {
            let size = |name: &str| {
                let size = name.strip_prefix("golden-")?.strip_suffix(".safetensors")?;
                let (height, width) = size.split_once('x')?;
                Some(Size::new(height.parse().unwrap(), width.parse().unwrap()))
            };
            let sizes = std::fs::read_dir(&folder).unwrap().filter_map(|entry| {
                let name = entry.unwrap().file_name();
                size(name.to_str().unwrap())
            });
            let size = sizes.max_by_key(|size| size.area()).unwrap();
            let read = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            let choice = match read("arguments").trim().strip_prefix("--variant ") {
                Some(variant) => Choice::parse(variant).unwrap(),
                None => Choice::default(),
            };
            let model = Model::open_as(&folder.join(read("checkpoint").trim()), choice).unwrap();
            let folder = folder.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{family}/{folder}");
            toys.push(Toy { name, model, size });
        }
    }
    assert!(toys.len() >= 29, "{} toy checkpoints", toys.len());
    toys
}
