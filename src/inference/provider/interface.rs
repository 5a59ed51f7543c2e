// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The questions that the code asks of an execution provider.

use std::fmt::Debug;
use std::path::Path;

use ort::ep::{ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};

use crate::inference::bound::Memory;
use crate::inference::error::InferenceError;
use crate::inference::execution_provider::ExecutionProvider;
use crate::inference::precision::Precision;
use crate::inference::runtime::Runtime;
use crate::inference::settings::SessionSettings;

/// An execution provider: all in which one differs from another.
///
/// Nothing has a default here, so that a new provider answers every question.
pub(crate) trait Provider: Debug + Send + Sync {
    /// The value that names it in settings and messages.
    fn value(&self) -> ExecutionProvider;

    /// ONNX Runtime's name for it, as in profiles.
    fn ort_name(&self) -> &'static str;

    /// Advice where the ONNX Runtime in use lacks it: a library that has it.
    fn where_to_get(&self) -> &'static str;

    /// Advice where it is there but does not work.
    fn remedy(&self) -> &'static str;

    /// Returns true if the ONNX Runtime in use was built with it.
    fn is_built_in(&self) -> bool;

    /// The reason for which `auto` passes it over as long as the cache holds nothing that it has
    /// compiled of the network. `None` if `auto` tries it in any case.
    fn needs_cached(&self) -> Option<&'static str>;

    /// The device that keys in the cache name.
    fn device_in_keys(&self, settings: &SessionSettings) -> Option<String>;

    /// The device to name beside the provider as what runs the nodes; `None` if that goes without
    /// saying.
    fn device_shown(&self, settings: &SessionSettings) -> Option<String>;

    /// Returns true if the network runs on the CPU alone.
    fn is_on_cpu(&self, settings: &SessionSettings) -> bool;

    /// The precision that it computes in with these settings; `Auto` where only the device's driver
    /// knows it.
    ///
    /// # Errors
    /// If it does not compute in the one that is asked for.
    fn precision(&self, settings: &SessionSettings) -> Result<Precision, InferenceError>;

    /// The graph that suits it best.
    fn graph(&self, settings: &SessionSettings) -> GraphForm;

    /// Execution providers to register with a session, first choice first; none for the CPU's own
    /// kernels. `cache` is the folder for what it compiles.
    ///
    /// # Errors
    /// If the settings do not fit it.
    fn registrations(
        &self,
        settings: &SessionSettings,
        cache: Option<&Path>,
    ) -> Result<Vec<ExecutionProviderDispatch>, InferenceError>;

    /// Entries for ONNX Runtime's session configuration.
    fn config_entries<'s>(&self, settings: &'s SessionSettings) -> &'s [(String, String)];

    /// Returns true if a session is to refuse nodes that would fall to the CPU. `strict` is asked of a
    /// provider that the user has named.
    fn keeps_off_cpu(&self, settings: &SessionSettings, strict: bool) -> bool;

    /// Memory of its device to bind input and outputs in; `None` where it reads the caller's memory
    /// as well as any other.
    fn memory(&self, settings: &SessionSettings) -> Option<Memory>;

    /// The option that asks for runs which repeat the addresses of the first (CUDA graphs), where the
    /// settings have it on.
    fn repeats_addresses<'s>(&self, settings: &'s SessionSettings) -> Option<&'s str>;

    /// Returns true if sessions of several sizes can share weights and what is packed of them.
    fn shares_weights(&self) -> bool;

    /// Returns true if what it compiles is kept in the cache.
    fn is_cached(&self, settings: &SessionSettings) -> bool;

    /// Text with all that decides, beside device, settings and machine, if something compiled fits;
    /// each part after a comma.
    fn key(&self, runtime: &Runtime, settings: &SessionSettings) -> String;

    /// Returns true if a session has not opened because of what the cache held, which then is useless.
    fn blames_cache(&self, error: &InferenceError) -> bool;

    /// Returns true if the folder holds something worth keeping.
    fn has_compiled(&self, folder: &Path) -> bool;
}

impl dyn Provider + '_ {
    /// The name in properties and messages.
    pub(crate) fn name(&self) -> &'static str {
        self.value().name()
    }

    /// Returns true if it is this one.
    pub(crate) fn is(&self, value: ExecutionProvider) -> bool {
        self.value() == value
    }
}

/// The form of a graph that suits a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GraphForm {
    /// ONNX Runtime's fused attention (domain `com.microsoft`), where its own kernels are sure to run
    /// it.
    pub(crate) fused_attention: bool,
    /// 16 bits by the graph's own types, where the provider does not come to them by itself.
    pub(crate) typed_fp16: bool,
    /// The largest batch in every run, where another number of pictures is planned anew.
    pub(crate) whole_batch: bool,
    /// As `whole_batch`, for the graphs of users' files.
    pub(crate) whole_batch_of_files: bool,
}

/// A provider's options by the names of ONNX Runtime's documentation. Where its own default is right
/// for us, nothing is said.
pub(super) type Options = Vec<(&'static str, String)>;

/// The provider with our options, each of which the user's may replace.
pub(super) fn configured<P: ArbitrarilyConfigurableExecutionProvider>(
    provider: P,
    ours: Options,
    user: &[(String, String)],
) -> P {
    let ours = ours
        .into_iter()
        .filter(|(key, _)| user.iter().all(|(name, _)| name != key));
    let provider = ours.fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    });
    user.iter().fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    })
}
