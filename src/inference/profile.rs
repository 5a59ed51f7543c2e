// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What really ran the nodes, from ONNX Runtime's profile of one run. The list of registered
//! providers does not say it: a provider stays on it even if every node went elsewhere.

use super::ExecutionProvider;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the next session writes its profile.
pub(super) fn prefix() -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("dptdepth-{}-{number}", std::process::id()))
}

/// `cpu`, or `openvino+cpu(3 nodes)`: the chosen provider first, then whoever else ran nodes.
/// Removes the file; `None` where it says nothing.
pub(super) fn active_provider(file: &Path, chosen: ExecutionProvider) -> Option<String> {
    let text = std::fs::read_to_string(file);
    // A profile left behind would only puzzle people; that it is gone already is no failure.
    let _ = std::fs::remove_file(file);
    summary(&text.ok()?, chosen)
}

fn summary(profile: &str, chosen: ExecutionProvider) -> Option<String> {
    let events: serde_json::Value = serde_json::from_str(profile).ok()?;
    let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events.as_array()? {
        let ran = event["cat"] == "Node"
            && event["name"].as_str().is_some_and(|name| name.ends_with("_kernel_time"));
        if let (true, Some(provider)) = (ran, event["args"]["provider"].as_str()) {
            *nodes.entry(ExecutionProvider::nick_of(provider)).or_default() += 1;
        }
    }
    let mut parts = Vec::new();
    if nodes.remove(chosen.nick()).is_some() {
        parts.push(chosen.nick().to_string());
    }
    parts.extend(nodes.iter().map(|(nick, count)| {
        let plural = if *count == 1 { "" } else { "s" };
        format!("{nick}({count} node{plural})")
    }));
    (!parts.is_empty()).then(|| parts.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted_by_who_ran_them() {
        let node = |provider: &str| {
            format!(
                r#"{{"cat":"Node","name":"n_kernel_time","args":{{"provider":"{provider}"}}}}"#
            )
        };
        let (ov, cpu) = (
            node("OpenVINOExecutionProvider"),
            node("CPUExecutionProvider"),
        );
        let session = r#"{"cat":"Session","name":"model_run","args":{}}"#;
        let profile = format!("[{session},{ov},{cpu},{cpu}]");
        let chosen = ExecutionProvider::OpenVino;
        assert_eq!(
            summary(&profile, chosen).as_deref(),
            Some("openvino+cpu(2 nodes)")
        );
        assert_eq!(
            summary(&format!("[{cpu}]"), chosen).as_deref(),
            Some("cpu(1 node)")
        );
        assert_eq!(summary("[]", chosen), None);
        assert_eq!(summary("damaged", chosen), None);
    }
}
