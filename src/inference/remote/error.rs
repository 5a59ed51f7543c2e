// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What can go wrong between here and a server's answer.

use std::path::PathBuf;
use std::time::Duration;

/// Why a server cannot be used, or a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// `server-url` is none.
    #[error(
        "{url:?} cannot be used as server-url: {cause}; write grpc://HOST:PORT, or grpcs://HOST:PORT for TLS, with a ';' between several"
    )]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// `server-model` is none.
    #[error(
        "{name:?} cannot be used as server-model: {cause}; write the name of a model on the server, or NAME:VERSION"
    )]
    ModelName {
        /// The text.
        name: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// The certificates cannot be used.
    #[error("server-ca-file {} cannot be used: {cause}; give a PEM file with the certificates of whoever signs the servers'", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The token cannot be used.
    #[error("server-token-file {} cannot be used: {cause}; give a text file that holds the token and nothing else", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A token would go over the network for everyone to read.
    #[error(
        "server-token-file is set, but {server} is not encrypted, so the token would be readable on the way; use grpcs:// or no token"
    )]
    TokenInClear {
        /// The server.
        server: String,
    },
    /// The process cannot start threads.
    #[error(
        "the threads that talk to servers could not be started: {cause}; allow this process more threads"
    )]
    Threads {
        /// What the system says.
        cause: String,
    },
    /// No connection came about.
    #[error(
        "{server} cannot be reached: {cause}; check that a server runs there and that no firewall is in between"
    )]
    Unreachable {
        /// The server.
        server: String,
        /// What the system says.
        cause: String,
    },
    /// The server's certificate is not to be trusted.
    #[error(
        "the certificate of {server} is not accepted: {cause}; renew it, or give server-ca-file whoever signs it"
    )]
    Certificate {
        /// The server.
        server: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Something that speaks no TLS, or not with HTTP/2, is at that port.
    #[error(
        "{server} does not speak TLS as gRPC does: {cause}; use grpc:// if it is not encrypted, and check the port"
    )]
    Tls {
        /// The server.
        server: String,
        /// What happened.
        cause: String,
    },
    /// Something that speaks no gRPC is at that port.
    #[error(
        "{server} does not answer as a KServe v2 server: {cause}; check that the port is the gRPC one (8001 by default)"
    )]
    Protocol {
        /// The server.
        server: String,
        /// What happened.
        cause: String,
    },
    /// The server or the model is loading or stopping.
    #[error("{server} is not ready: {cause}; wait for it, or read its log")]
    NotReady {
        /// The server.
        server: String,
        /// What is not ready.
        cause: String,
    },
    /// The server wants another token.
    #[error("{server} does not let us in: {cause}; {}", if *with_token { "renew the token in server-token-file" } else { "give it a token with server-token-file" })]
    Unauthenticated {
        /// The server.
        server: String,
        /// What it says.
        cause: String,
        /// Whether it was given one.
        with_token: bool,
    },
    /// The server has no such model.
    #[error("{server} has no model {model}: {has}; set server-model to one that it has")]
    ModelMissing {
        /// The server.
        server: String,
        /// The model asked for.
        model: String,
        /// What it has.
        has: String,
    },
    /// The model takes or gives something else than a picture and maps.
    #[error(
        "{model} on {server} cannot be used as a depth or segmentation network: {cause}; {remedy}"
    )]
    Model {
        /// The server.
        server: String,
        /// The model.
        model: String,
        /// What it is instead.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Nothing says what the model's numbers mean.
    #[error(
        "{model} on {server} does not say how pictures are prepared and what its output means: {cause}; write \
         the server's model with `dpt-onnx triton-repository`, which puts it into config.pbtxt (parameter \
         \"dptdepth\"), or set model-file to the checkpoint that the server runs"
    )]
    Spec {
        /// The server.
        server: String,
        /// The model.
        model: String,
        /// What is missing or damaged.
        cause: String,
    },
    /// The tensor is not one that the model takes.
    #[error(
        "the model's input {name:?} takes {expected}, but was given {given}; give it data of that shape"
    )]
    Input {
        /// The input.
        name: String,
        /// Type and shape that it takes, `?` for free dimensions.
        expected: String,
        /// What was given.
        given: String,
    },
    /// No answer in time.
    #[error(
        "{server} did not answer within {after:?}; it may be overloaded, stalled or too far away: allow more time, or give it less to do"
    )]
    Deadline {
        /// The server.
        server: String,
        /// The time it had.
        after: Duration,
    },
    /// The connection broke.
    #[error("the connection to {server} is lost: {cause}; it is tried again")]
    Lost {
        /// The server.
        server: String,
        /// What the system says.
        cause: String,
    },
    /// The server has too much to do.
    #[error("{server} takes no request now: {cause}; give it less to do, or add servers")]
    Busy {
        /// The server.
        server: String,
        /// What it says.
        cause: String,
    },
    /// The server failed on the request.
    #[error("{server} failed: {cause}; read its log")]
    Failed {
        /// The server.
        server: String,
        /// What it says.
        cause: String,
    },
    /// The server does not take the request.
    #[error(
        "{server} refuses the request: {cause}; check that its model is the one that its configuration describes"
    )]
    Refused {
        /// The server.
        server: String,
        /// What it says.
        cause: String,
    },
    /// The answer contradicts itself or the model's description.
    #[error(
        "the answer of {server} cannot be used: {cause}; check that its model is the one that its configuration describes"
    )]
    Reply {
        /// The server.
        server: String,
        /// What is wrong with it.
        cause: String,
    },
    /// None of several servers can be used.
    #[error("no server can be used: {causes}")]
    NoServer {
        /// An error for each.
        causes: String,
        /// Whether one of them may pass.
        transient: bool,
    },
    /// The client was closed before the answer came.
    #[error("the request was given up, because the client was closed")]
    Closed,
}

impl RemoteError {
    /// Whether the same may work later, with no change by anyone: the server is away, restarting,
    /// overloaded or slow.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NotReady { .. }
            | Self::Deadline { .. }
            | Self::Lost { .. }
            | Self::Busy { .. }
            | Self::Failed { .. } => true,
            Self::NoServer { transient, .. } => *transient,
            Self::Url { .. }
            | Self::ModelName { .. }
            | Self::CaFile { .. }
            | Self::TokenFile { .. }
            | Self::TokenInClear { .. }
            | Self::Threads { .. }
            | Self::Certificate { .. }
            | Self::Tls { .. }
            | Self::Protocol { .. }
            | Self::Unauthenticated { .. }
            | Self::ModelMissing { .. }
            | Self::Model { .. }
            | Self::Spec { .. }
            | Self::Input { .. }
            | Self::Refused { .. }
            | Self::Reply { .. }
            | Self::Closed => false,
        }
    }
}
