// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Checkpoints of published shapes with random weights.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Values in the checkpoint that `shapes` describes.
pub(crate) fn size(shapes: &Path) -> usize {
    let table = std::fs::read_to_string(shapes.join("tensors.tsv")).unwrap_or_default();
    let count = |line: &str| dims(line).1.iter().product::<usize>();
    table.lines().map(count).sum()
}

/// A line of the table.
fn dims(line: &str) -> (&str, Vec<usize>) {
    let (name, dims) = line.split_once('\t').unwrap_or((line, ""));
    let dims = dims.split('x').filter(|dim| !dim.is_empty());
    (name, dims.map(|dim| dim.parse().unwrap()).collect())
}

/// Writes the checkpoint that `shapes` (a folder of `tests/gpu/published`) describes into `to`.
pub(crate) fn write(shapes: &Path, to: &Path) -> std::io::Result<PathBuf> {
    let folder = to.join(shapes.file_name().unwrap_or_default());
    std::fs::create_dir_all(&folder)?;
    for file in ["config.json", "preprocessor_config.json"] {
        std::fs::copy(shapes.join(file), folder.join(file))?;
    }
    let table = std::fs::read_to_string(shapes.join("tensors.tsv"))?;
    let mut header = serde_json::Map::new();
    let mut tensors = Vec::new();
    let mut offset = 0;
    for line in table.lines() {
        let (name, dims) = dims(line);
        let count: usize = dims.iter().product();
        let end = offset + 4 * count;
        let entry = serde_json::json!({
            "dtype": "F32", "shape": dims, "data_offsets": [offset, end],
        });
        header.insert(name.to_owned(), entry);
        tensors.push((name, dims, count));
        offset = end;
    }
    let header = serde_json::Value::Object(header).to_string();
    let file = std::fs::File::create(folder.join("model.safetensors"))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, dims, count) in tensors {
        // Scales and variances are about 1, and what is summed up keeps its size.
        let inputs: usize = dims.iter().skip(1).product();
        let deviation = (1.0 / inputs.max(1) as f32).sqrt();
        let is_scale = dims.len() == 1 && !name.ends_with("bias") && !name.ends_with("mean");
        for _ in 0..count {
            let noise = random.next();
            let value = match dims.len() {
                1 if is_scale => 1.0 + 0.1 * noise,
                1 => 0.1 * noise,
                _ => deviation * noise,
            };
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.flush()?;
    Ok(folder)
}

/// Numbers of about standard deviation 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0) * 1.73
    }
}
