// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The threads that wait for servers, one set for the process.

use super::error::RemoteError;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle, Runtime};

/// One thread carries tensors while the other minds connections.
const THREADS: usize = 2;

/// The threads, started by the first client and kept until the process ends.
pub(super) fn handle() -> Result<&'static Handle, RemoteError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("dptdepth-remote")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    match runtime {
        Ok(runtime) => Ok(runtime.handle()),
        Err(cause) => Err(RemoteError::Threads {
            cause: cause.clone(),
        }),
    }
}
