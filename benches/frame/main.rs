// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Times of the pixel kernels at 1080p on one core: `cargo bench --bench frame`.

mod guided;
mod maps;
mod measure;
mod render;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    maps::benches,
    guided::benches,
    measure::benches,
    render::benches
);
criterion_main!(benches);
