// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx fetch`.

use crate::Failure;
use crate::download::{self, Client, Fetched, Patience, Wanted};
use gstdptdepth::hub::{self, Entry, FetchedFile, File, Manifest, Source};
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  dpt-onnx fetch --list                      # every known model: licence, size, what it gives
  dpt-onnx fetch depth-anything-v2-small     # small, fast, Apache-2.0
  dpt-onnx run photo.jpg -m depth-anything-v2-small -o out/
  gst-launch-1.0 v4l2src ! videoconvert ! dptdepth model-file=depth-anything-v2-small \\
      ! videoconvert ! autovideosink

The files go to $DPTDEPTH_MODELS, or else to gst-dptdepth/models in the user's data folder
(~/.local/share); the name of a fetched model then stands for its folder wherever a checkpoint is
asked for. A download that was interrupted goes on where it ended. Files are checked by size and,
where a SHA-256 is known, by that.

Environment:
  DPTDEPTH_MODELS          where the models are
  HF_TOKEN                 token for models on huggingface.co that want an account
  HF_ENDPOINT              mirror to use instead of https://huggingface.co
  HTTPS_PROXY, NO_PROXY    proxy
  SSL_CERT_FILE            certificates to trust instead of the system's";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Model to download, as --list writes it
    #[arg(value_name = "NAME", required_unless_present = "list")]
    name: Option<String>,
    /// List the known models
    #[arg(long, conflicts_with = "name")]
    list: bool,
    /// With --list: print JSON for programs
    #[arg(long, requires = "list")]
    json: bool,
    /// Folder to put this model's files into, instead of one under $DPTDEPTH_MODELS
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Server that has the same paths as the model's own, such as a mirror
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Milliseconds to wait for a connection and for each piece of an answer
    #[arg(long, hide = true, default_value = "30000")]
    timeout_ms: u64,
    /// Milliseconds before the second try
    #[arg(long, hide = true, default_value = "1000")]
    wait_ms: u64,
    /// Tries after the first that brought nothing new
    #[arg(long, hide = true, default_value = "5")]
    retries: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(name) = &arguments.name else {
        list(arguments.json)?;
        return Ok(());
    };
    let entry = hub::find(name).ok_or_else(|| unknown(name))?;
    let folder = match &arguments.output {
        Some(folder) => folder.clone(),
        None => hub::folder(name).ok_or(
            "there is no place for models: neither DPTDEPTH_MODELS, XDG_DATA_HOME nor HOME names \
             a folder; set one of them, or give --output",
        )?,
    };
    let by_name = arguments.output.is_none();
    if hub::is_complete(entry, &folder) {
        println!("{name} is complete already: {}", folder.display());
        return Ok(());
    }
    introduce(entry);
    fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    let patience = Patience {
        timeout: Duration::from_millis(arguments.timeout_ms),
        wait: Duration::from_millis(arguments.wait_ms),
        retries: arguments.retries,
    };
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let on_hub = matches!(entry.source, Source::HuggingFace { .. });
    let client = Client::new(patience, variable("HF_TOKEN").filter(|_| on_hub));
    let mirror = variable("HF_ENDPOINT").filter(|_| on_hub);
    let host = arguments.base_url.clone().or(mirror);
    let files = entry
        .files
        .iter()
        .map(|file| bring(&client, entry, file, &folder, host.as_deref()))
        .collect::<Result<Vec<_>, _>>()
        // Nothing came: no empty folder stays.
        .inspect_err(|_| drop(fs::remove_dir(&folder)))?;
    let manifest = Manifest {
        name: entry.name.into(),
        source: entry.source.page(),
        licence: entry.licence.into(),
        files,
    };
    manifest
        .write(&folder)
        .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
    conclude(entry, &folder, by_name);
    Ok(())
}

/// Sees to it that one file is in the folder.
fn bring(
    client: &Client,
    entry: &Entry,
    file: &File,
    folder: &Path,
    host: Option<&str>,
) -> Result<FetchedFile, Failure> {
    let target = folder.join(file.name());
    let url = entry.source.url(file.path, host);
    let sha256 = match (file.sha256, file.sha256_prefix()) {
        (Some(digits), _) => Some((digits, "the catalogue's SHA-256")),
        (None, Some(digits)) => Some((digits, "the SHA-256 in the file's name")),
        (None, None) => None,
    };
    let fetched = match present(&target, file.size, sha256)? {
        Some(fetched) => {
            println!("{}: here already", file.name());
            fetched
        }
        None => {
            let wanted = Wanted {
                url: &url,
                target: &target,
                size: file.size,
                sha256,
            };
            let fetched = download::fetch(client, &wanted)
                .map_err(|error| format!("{}: {error}", file.name()))?;
            println!(
                "{}: {}, checked against {}",
                file.name(),
                download::bytes(fetched.bytes),
                fetched.checked_against
            );
            fetched
        }
    };
    Ok(FetchedFile {
        name: file.name().into(),
        url,
        bytes: fetched.bytes,
        sha256: fetched.sha256,
        checked_against: fetched.checked_against.into(),
    })
}

/// The file, if it is there under its name from an earlier run. One that is known to be another
/// is not touched.
fn present(
    target: &Path,
    size: Option<u64>,
    sha256: Option<(&str, &'static str)>,
) -> Result<Option<Fetched>, Failure> {
    if !target.exists() {
        return Ok(None);
    }
    let unreadable = |error| format!("cannot read {}: {error}", target.display());
    let mut file = fs::File::open(target).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let found = download::sha256(&mut file).map_err(unreadable)?;
    let other_size = size.is_some_and(|size| size != bytes);
    if other_size || sha256.is_some_and(|(digits, _)| !found.starts_with(digits)) {
        return Err(format!(
            "there is another file in the way; move it, or choose another folder with --output: {}",
            target.display()
        )
        .into());
    }
    Ok(Some(Fetched {
        bytes,
        sha256: found,
        checked_against: sha256.map_or("nothing: it was here already", |(_, whence)| whence),
    }))
}

fn introduce(entry: &Entry) {
    println!(
        "{}: {} parameters, {}",
        entry.title, entry.parameters, entry.output
    );
    println!("from     {}", entry.source.page());
    println!("licence  {}", entry.licence);
    if entry.non_commercial {
        eprintln!("Note: these weights are NOT for commercial use.");
    }
}

fn conclude(entry: &Entry, folder: &Path, by_name: bool) {
    let name = match by_name {
        true => entry.name.into(),
        false => folder.display().to_string(),
    };
    println!("{} is ready: {}", entry.name, folder.display());
    if std::io::stdout().is_terminal() {
        println!("Try it:\n  dpt-onnx run photo.jpg -m {name} -o out/");
        println!(
            "  gst-launch-1.0 filesrc location=clip.mp4 ! decodebin ! videoconvert \\\n    \
             ! dptdepth model-file={name} ! videoconvert ! autovideosink"
        );
    }
}

fn unknown(name: &str) -> String {
    match hub::nearest(name).as_slice() {
        [] => format!("no model is known as {name:?}; `dpt-onnx fetch --list` shows all"),
        near => format!(
            "no model is known as {name:?}; did you mean {}?",
            near.join(", ")
        ),
    }
}

fn list(json: bool) -> Result<(), Failure> {
    let entries: Vec<&Entry> = hub::entries().collect();
    let text = match json {
        true => serde_json::to_string_pretty(&entries)? + "\n",
        false => table(&entries),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // `dpt-onnx fetch --list | head`
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn table(entries: &[&Entry]) -> String {
    let width = |cell: fn(&Entry) -> &str| {
        let widths = entries.iter().map(|entry| cell(entry).chars().count());
        widths.max().unwrap_or(0)
    };
    let (names, outputs) = (width(|entry| entry.name), width(|entry| entry.output));
    let sizes = width(|entry| entry.parameters);
    let mut text = format!(
        "  {:names$}  {:sizes$}  {:outputs$}  LICENCE\n",
        "NAME", "SIZE", "GIVES"
    );
    for entry in entries {
        let here = if hub::fetched(entry.name).is_some() {
            "*"
        } else {
            " "
        };
        let terms = if entry.non_commercial {
            " (non-commercial)"
        } else {
            ""
        };
        text += &format!(
            "{here} {:names$}  {:sizes$}  {:outputs$}  {}{terms}\n",
            entry.name, entry.parameters, entry.output, entry.licence
        );
    }
    text + "\nSIZE counts parameters. * is on this machine: its name works wherever a checkpoint is \
            asked for.\n"
}
