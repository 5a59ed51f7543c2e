// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The command: writes shards of pictures, or a contact sheet.

use clap::Parser;
use generator::{preview, sample, scenes, shard};
use rayon::prelude::*;
use std::path::PathBuf;
use std::time::Instant;

/// Make procedural pictures with exact depth and class labels.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Folder for the shards.
    #[arg(long, default_value = "pictures")]
    output: PathBuf,
    /// Number of the first picture.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// How many pictures.
    #[arg(long, default_value_t = 256)]
    count: u64,
    /// Pixels a side.
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// Also the next frame of a moving camera.
    #[arg(long)]
    pairs: bool,
    /// Threads; 0 takes all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Write a contact sheet of the pictures instead of shards.
    #[arg(long, value_name = "PNG")]
    preview: Option<PathBuf>,
    /// In a contact sheet: only this kind of scene.
    #[arg(long)]
    kind: Option<u8>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()?;
    let began = Instant::now();
    if let Some(path) = &args.preview {
        let make = |i| {
            args.kind.map_or_else(
                || sample::make(i, args.size, args.pairs),
                |k| sample::make_kind(i, args.size, args.pairs, k),
            )
        };
        let samples: Vec<_> = (args.start..args.start + args.count)
            .into_par_iter()
            .map(make)
            .collect();
        let rate = args.count as f64 / began.elapsed().as_secs_f64();
        preview::write(path, &samples, args.size, 3)?;
        for (i, s) in samples.iter().enumerate() {
            eprint!(
                "{}:{} ",
                args.start + i as u64,
                scenes::KINDS[s.kind as usize].0
            );
        }
        eprintln!("\n{rate:.1} pictures/s");
        return Ok(());
    }
    std::fs::create_dir_all(&args.output)?;
    let (mut made, end) = (0, args.start + args.count);
    for first in (args.start..end).step_by(shard::SHARD as usize) {
        let count = shard::SHARD.min(end - first);
        if shard::write(&args.output, first, count, args.size, args.pairs)? {
            made += count;
            let rate = made as f64 / began.elapsed().as_secs_f64();
            eprintln!(
                "{} of {} pictures, {rate:.1} pictures/s",
                first + count - args.start,
                args.count
            );
        }
    }
    Ok(())
}
