// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx cache`.

use crate::export::own_size;
use crate::options::{RuntimeArguments, size};
use crate::{CheckpointArgument, Failure};
use clap::Subcommand;
use gstdptdepth::engine::{Engine, Request};
use gstdptdepth::inference::{Cache, Listed, SessionSettings};
use gstdptdepth::spec::{Borders, Size};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(clap::Args)]
#[command(
    after_help = "The cache keeps the graphs of large models (64 MB of weights and more), one for each network size, \
    and what GPU providers compile. The element and `dpt-onnx run` fill it by themselves, and remove what was used \
    least lately once it exceeds DPTDEPTH_CACHE_SIZE (in MiB; 8192 if not set). Several processes may use one cache \
    at once. A folder that cannot be written to is used as it is, so a cache can be built on one machine, or into an \
    image, and be read on others: an entry fits wherever the checkpoint is the same file, of the same time.\n\n\
    Examples:\n  \
    dpt-onnx cache list\n  \
    dpt-onnx cache build dpt-large --size 384x672 --cache-dir /opt/dptdepth-cache\n  \
    dpt-onnx cache clear --older-than 30\n  \
    gst-launch-1.0 … ! dptdepth model-file=dpt-large cache-dir=/opt/dptdepth-cache ! …"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Folder of the cache, as in the element's cache-dir; gst-dptdepth in the user's cache folder if
    /// left out
    #[arg(long, value_name = "DIR", global = true)]
    cache_dir: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Say what the cache holds, the last used first
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove entries that nobody uses, and say what that freed
    Clear {
        /// Only those of this model, as `list` calls it
        #[arg(long, value_name = "NAME")]
        model: Option<String>,
        /// Only those that were not used for so many days
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u32>,
    },
    /// Prepare a model now, so that its first start is as fast as the later ones
    Build(BuildArguments),
}

#[derive(clap::Args)]
#[command(
    after_help = "Say the sizes that your frames lead to: `dptdepth-model`, a message on the bus, tells network-height and \
    network-width (`gst-launch-1.0 -m`). A model that pads frames with zeros behind its normalisation (dpt-dinov2) has \
    another graph for each shape of frame; only the one for frames that fill the network is built here.\n\n\
    Examples:\n  \
    dpt-onnx cache build dpt-large\n  \
    dpt-onnx cache build dpt-large --size 384x384 --size 384x672 --execution-provider openvino"
)]
struct BuildArguments {
    #[command(flatten)]
    model: CheckpointArgument,
    /// Network height and width, once for each graph; the model's own if left out
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Vec<Size>,
    #[command(flatten)]
    runtime: RuntimeArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let dir = arguments.cache_dir.as_deref();
    if dir == Some("") {
        return Err("the empty text is no cache; name its folder in --cache-dir".into());
    }
    match &arguments.command {
        Command::List { json } => list(&Cache::existing(dir)?, *json),
        Command::Clear { model, older_than } => {
            clear(&Cache::existing(dir)?, model.as_deref(), *older_than)
        }
        Command::Build(arguments) => build(&Cache::open(dir)?, arguments),
    }
}

fn list(cache: &Cache, as_json: bool) -> Result<(), Failure> {
    let entries = cache.list();
    let total: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let folder = cache.folder().unwrap_or_else(|| "".as_ref());
    if as_json {
        let entries: Vec<_> = entries.iter().map(entry_json).collect();
        let all = json!({
            "folder": folder, "bytes": total, "limit": cache.limit(), "entries": entries,
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    if !entries.is_empty() {
        println!(
            "{:32} {:>11}  {:8}  {:>9}  last used",
            "model", "size", "for", "MB"
        );
    }
    for entry in &entries {
        println!(
            "{:32} {:>11}  {:8}  {:>9.1}  {}{}",
            if entry.complete {
                &entry.model
            } else {
                "(incomplete)"
            },
            entry.size,
            used_by(entry),
            megabytes(entry.bytes),
            ago(entry.used),
            if entry.is_in_use() { ", in use" } else { "" }
        );
    }
    println!(
        "{}: {}, {:.1} MB of at most {:.0} MB",
        folder.display(),
        count(entries.len()),
        megabytes(total),
        megabytes(cache.limit())
    );
    Ok(())
}

fn entry_json(entry: &Listed) -> serde_json::Value {
    let used = entry.used.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "model": entry.model, "size": entry.size, "for": used_by(entry), "bytes": entry.bytes,
        "last-used": used.as_secs(), "complete": entry.complete, "in-use": entry.is_in_use(),
        "folder": entry.folder,
    })
}

fn clear(cache: &Cache, model: Option<&str>, days: Option<u32>) -> Result<(), Failure> {
    let now = SystemTime::now();
    let (mut removed, mut kept, mut freed) = (0, 0, 0);
    for entry in cache.list() {
        let age = now.duration_since(entry.used).unwrap_or_default();
        if model.is_some_and(|model| model != entry.model)
            || days.is_some_and(|days| age < DAY * days)
        {
            continue;
        }
        match entry
            .remove()
            .map_err(|error| format!("cannot remove {}: {error}", entry.folder.display()))?
        {
            Some(bytes) => {
                removed += 1;
                freed += bytes;
            }
            None => kept += 1,
        }
    }
    let in_use = match kept {
        0 => String::new(),
        kept => format!("; {} in use and stays", count(kept)),
    };
    println!(
        "{}: removed {}, {:.1} MB{in_use}",
        cache.folder().unwrap_or_else(|| "".as_ref()).display(),
        count(removed),
        megabytes(freed)
    );
    Ok(())
}

fn build(cache: &Cache, arguments: &BuildArguments) -> Result<(), Failure> {
    if let Some(trouble) = cache.trouble() {
        return Err(trouble.to_string().into());
    }
    let model = arguments.model.open()?;
    let spec = model.spec();
    let sizes = match arguments.size.as_slice() {
        [] => vec![own_size(spec)],
        sizes => sizes.to_vec(),
    };
    let runtime = arguments.runtime.load()?;
    for size in sizes {
        let spinner = ProgressBar::new_spinner()
            .with_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})")?)
            .with_message(format!("Preparing {} at {size}", spec.name));
        spinner.enable_steady_tick(Duration::from_millis(100));
        let begin = Instant::now();
        let request = Request {
            network: size,
            borders: Borders::default(),
            batch: 1,
            session: SessionSettings {
                keep_small: true,
                ..arguments.runtime.session(cache.clone())
            },
        };
        let engine = Engine::prepare(&model, runtime, &request)?;
        spinner.finish_and_clear();
        if let Some(trouble) = engine.cache_trouble() {
            return Err(trouble.to_string().into());
        }
        println!(
            "{} at {size}: {} in {:.1} s, runs on {}",
            spec.name,
            match (engine.cache_hit(), engine.is_kept()) {
                (true, _) => "was there, opened",
                (false, true) => "built",
                (false, false) => "is a graph already, opened",
            },
            begin.elapsed().as_secs_f64(),
            engine.active_provider()
        );
    }
    Ok(())
}

/// What can use an entry.
fn used_by(entry: &Listed) -> &str {
    match entry.kind {
        "graphs" => "all",
        provider => provider,
    }
}

fn count(entries: usize) -> String {
    match entries {
        1 => "1 entry".into(),
        many => format!("{many} entries"),
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn ago(time: SystemTime) -> String {
    let seconds = SystemTime::now()
        .duration_since(time)
        .unwrap_or_default()
        .as_secs();
    let (number, unit) = match seconds {
        0..60 => return "just now".into(),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}
