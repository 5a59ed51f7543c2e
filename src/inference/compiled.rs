// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Networks that providers have compiled: their keys and their entries in the cache.

use super::cache::{Key, Kind, Slot};
use super::execution_provider::ExecutionProvider;
use super::machine;
use super::provider::Provider;
use super::runtime::Runtime;
use super::settings::SessionSettings;

/// Facts that decide, beside the model, if something that the provider has compiled or measured fits;
/// without a provider, the one that `auto` takes.
pub(super) fn facts(
    runtime: &Runtime,
    settings: &SessionSettings,
    provider: Option<&dyn Provider>,
) -> String {
    let name = provider.map_or(ExecutionProvider::Auto, Provider::value);
    let device = match provider {
        Some(provider) => provider.device_in_keys(settings),
        None => settings.device.clone(),
    };
    let mut facts = format!(
        "{name} {:?}, {}, {} threads, {:?}, {:?}, onnxruntime {} of {} bytes",
        device,
        settings.precision,
        settings.threads,
        settings.optimization_level,
        settings.provider_options,
        runtime.version(),
        runtime.path().metadata().map_or(0, |library| library.len()),
    );
    let is_on_cpu = provider.map(|provider| provider.is_on_cpu(settings));
    if is_on_cpu != Some(false) {
        facts += &format!(", {}", machine::cpu());
    }
    if is_on_cpu != Some(true) {
        facts += &format!(", {}", machine::gpu());
    }
    if let Some(provider) = provider {
        facts += &provider.key(runtime, settings);
    }
    facts
}

fn key(runtime: &Runtime, settings: &SessionSettings, provider: &dyn Provider) -> Key {
    let facts = facts(runtime, settings, Some(provider));
    settings.cache_key.with(&facts)
}

/// The folder for what the provider compiles; `Slot::Unkept` where that is nothing worth keeping.
pub(super) fn claim(
    runtime: &Runtime,
    settings: &SessionSettings,
    provider: &dyn Provider,
) -> Slot {
    if !provider.is_cached(settings) {
        return Slot::Unkept(None);
    }
    let key = key(runtime, settings, provider);
    settings.cache.claim(Kind::Compiled(provider.value()), &key)
}

/// Returns true if the cache holds what the provider compiles of this model, with this runtime and device.
pub(super) fn is_there(
    runtime: &Runtime,
    settings: &SessionSettings,
    provider: &dyn Provider,
) -> bool {
    let key = key(runtime, settings, provider);
    settings.cache.has(Kind::Compiled(provider.value()), &key)
}
