// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Nodes that each provider ran, read from ONNX Runtime's profile of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::provider::{self, Provider};

/// A private folder for one profile, removed with it.
#[derive(Debug)]
pub(super) struct Profile {
    folder: PathBuf,
}

impl Profile {
    /// A new folder; none where the temporary folder cannot be written to.
    pub(super) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let name = format!("dptdepth-{}-{count}-{time:x}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // Not recursive: a folder that exists already belongs to someone else.
        fs::DirBuilder::new().mode(0o700).create(&folder).ok()?;
        Some(Self { folder })
    }

    /// The start of the profile's file name.
    pub(super) fn prefix(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// Ends the profile of `session` and says what ran its nodes.
    pub(super) fn finish(
        self,
        session: &mut ort::session::Session,
        chosen: &dyn Provider,
    ) -> Option<String> {
        let file = session.end_profiling().ok()?;
        let text = fs::read_to_string(Path::new(&file)).ok()?;
        let events: Vec<Event> = serde_json::from_str(&text).ok()?;
        describe(&nodes(&events), chosen)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[derive(serde::Deserialize)]
struct Event {
    #[serde(default)]
    cat: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    args: Arguments,
}

#[derive(Default, serde::Deserialize)]
struct Arguments {
    provider: Option<String>,
}

/// The number of nodes that each provider ran.
fn nodes(events: &[Event]) -> BTreeMap<String, usize> {
    let kernels: BTreeSet<(&str, &str)> = events
        .iter()
        .filter(|event| event.cat == "Node" && event.name.ends_with("_kernel_time"))
        .filter_map(|event| Some((event.args.provider.as_deref()?, event.name.as_str())))
        .collect();
    let mut counts = BTreeMap::new();
    for (provider, _) in kernels {
        *counts.entry(name(provider)).or_default() += 1;
    }
    counts
}

/// Our name of the provider that ONNX Runtime calls so; of an unknown one, ONNX Runtime's in short.
fn name(ort_name: &str) -> String {
    let mut providers = provider::ALL.into_iter();
    match providers.find(|provider| provider.ort_name() == ort_name) {
        Some(provider) => provider.name().to_owned(),
        None => {
            let short = ort_name.strip_suffix("ExecutionProvider");
            short.unwrap_or(ort_name).to_lowercase()
        }
    }
}

/// `openvino+cpu(3 nodes)`: the chosen provider first, then the others with what fell to them.
fn describe(counts: &BTreeMap<String, usize>, chosen: &dyn Provider) -> Option<String> {
    let chosen = chosen.name();
    if counts.len() < 2 {
        return counts.keys().next().cloned();
    }
    let mut parts: Vec<String> = counts
        .iter()
        .filter(|(name, _)| *name != chosen)
        .map(|(name, count)| format!("{name}({count} node{})", if *count == 1 { "" } else { "s" }))
        .collect();
    if counts.contains_key(chosen) {
        parts.insert(0, chosen.to_owned());
    }
    Some(parts.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::execution_provider::ExecutionProvider;

    fn kernel(provider: &str, name: &str) -> Event {
        let json = serde_json::json!({
            "cat": "Node", "name": format!("{name}_kernel_time"),
            "args": { "provider": format!("{provider}ExecutionProvider"), "node_index": "3" },
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn nodes_are_counted_once_each_and_the_chosen_provider_leads() {
        let events = [
            kernel("OpenVINO", "a"),
            kernel("CPU", "b"),
            kernel("CPU", "b"),
            kernel("CPU", "c"),
            Event {
                cat: "Session".into(),
                name: "model_run".into(),
                args: Arguments::default(),
            },
        ];
        let counts = nodes(&events);
        let described = |counts: &_, chosen: ExecutionProvider| {
            describe(counts, chosen.provider().unwrap()).unwrap()
        };
        assert_eq!(
            described(&counts, ExecutionProvider::OpenVino),
            "openvino+cpu(2 nodes)"
        );
        let one = nodes(&[
            kernel("Tensorrt", "a"),
            kernel("CUDA", "b"),
            kernel("CPU", "c"),
        ]);
        assert_eq!(
            described(&one, ExecutionProvider::TensorRt),
            "tensorrt+cpu(1 node)+cuda(1 node)"
        );
        let fallen = nodes(&[kernel("CPU", "b")]);
        assert_eq!(described(&fallen, ExecutionProvider::OpenVino), "cpu");
        let cpu = ExecutionProvider::Cpu.provider().unwrap();
        assert_eq!(describe(&nodes(&[]), cpu), None);
    }
}
