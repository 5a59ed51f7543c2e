// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Running a network on a server that speaks the KServe v2 protocol over gRPC, such as NVIDIA
//! Triton.
//!
//! [`Options`] say where, a [`Client`] keeps one of the servers connected, [`RemoteModel`] is what
//! the server says of its model, and [`Client::submit`] sends tensors. Nothing here blocks but
//! [`Client::wait_ready`].

mod backoff;
mod channel;
mod client;
mod connection;
mod contract;
mod data;
mod error;
mod options;
mod pool;
#[allow(
    missing_docs,
    clippy::all,
    reason = "generated from proto/kserve.proto by proto/generate.sh"
)]
pub mod proto;
mod runtime;
mod token;

pub use client::{Answered, Client, Finished, Request, State};
pub use contract::{Layout, RemoteModel};
pub use data::{Elements, Tensor};
pub use error::RemoteError;
pub use options::{ModelName, Options, Server};
