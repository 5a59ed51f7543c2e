// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A connection to one server, and what its failures mean.

use super::error::RemoteError;
use super::options::{Options, Server};
use super::proto::grpc_inference_service_client::GrpcInferenceServiceClient;
use super::token::Token;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};
use tonic::{Code, Request, Status};
use tower_service::Service;

/// How much a server may send before we have read it; the default of 64 KiB costs a round trip for
/// each part of a map.
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;
/// Notices a peer that went without a word while nothing is sent.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
/// Descriptions of models are far smaller.
const LARGEST_DESCRIPTION: usize = 4 << 20;
/// Longer texts of servers are cut in messages.
const LONGEST_CAUSE: usize = 500;

pub(super) type Client = GrpcInferenceServiceClient<Channel>;

/// What connections of one client have in common.
#[derive(Debug)]
pub(super) struct Access {
    roots: Option<Certificate>,
    token: Option<Arc<Token>>,
    connect_timeout: Duration,
}

impl Access {
    /// Reads certificates and token.
    pub(super) fn open(options: &Options) -> Result<Self, RemoteError> {
        if options.token_file.is_some()
            && let Some(open) = options.servers.iter().find(|server| !server.secure)
        {
            return Err(RemoteError::TokenInClear {
                server: open.to_string(),
            });
        }
        let roots = options.ca_file.as_deref().map(certificates).transpose()?;
        if let Some(path) = &options.ca_file
            && options.servers.iter().all(|server| !server.secure)
        {
            return Err(RemoteError::CaFile {
                path: path.clone(),
                cause: "no server in server-url uses TLS (grpcs://)".into(),
            });
        }
        let token = options.token_file.as_deref().map(Token::open).transpose()?;
        Ok(Self {
            roots,
            token: token.map(Arc::new),
            connect_timeout: options.connect_timeout,
        })
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// A message with the token of the moment and a deadline for the server.
    pub(super) fn request<M>(&self, message: M, timeout: Duration) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(timeout);
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.header());
        }
        request
    }

    /// Connects. Whether the server is good for anything is still to be asked.
    pub(super) async fn connect(&self, server: &Server) -> Result<Client, RemoteError> {
        let unreachable = |cause: String| RemoteError::Unreachable {
            server: server.to_string(),
            cause,
        };
        let mut tcp = HttpConnector::new();
        // TLS is the endpoint's.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        tcp.set_connect_timeout(Some(self.connect_timeout));
        let mut endpoint = Endpoint::from_shared(server.uri())
            .and_then(|endpoint| {
                endpoint.user_agent(concat!("dptdepth/", env!("CARGO_PKG_VERSION")))
            })
            .map_err(|error| unreachable(innermost(&error)))?
            .connect_timeout(self.connect_timeout)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        if server.secure {
            let tls = ClientTlsConfig::new().domain_name(&server.host);
            let tls = match &self.roots {
                Some(roots) => tls.ca_certificate(roots.clone()),
                None => tls.with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(|error| RemoteError::Tls {
                server: server.to_string(),
                cause: innermost(&error),
            })?;
        }
        let channel = endpoint
            .connect_with_connector(Once { tcp, used: false })
            .await
            .map_err(|error| unconnected(server, &error))?;
        Ok(GrpcInferenceServiceClient::new(channel)
            .max_decoding_message_size(LARGEST_DESCRIPTION)
            .max_encoding_message_size(usize::MAX))
    }
}

/// Connects once. A channel connects anew by itself when its connection breaks, but what answers
/// then may be another server or model, which is to be looked at first.
struct Once {
    tcp: HttpConnector,
    used: bool,
}

impl Service<Uri> for Once {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if std::mem::replace(&mut self.used, true) {
            return Box::pin(async { Err("the server has closed it".into()) });
        }
        let connecting = self.tcp.call(uri);
        Box::pin(async move { Ok(connecting.await?) })
    }
}

/// The certificates in a PEM file, of which there must be one at least.
fn certificates(path: &Path) -> Result<Certificate, RemoteError> {
    let wrong = |cause: String| RemoteError::CaFile {
        path: path.into(),
        cause,
    };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(wrong("it holds no certificate".into()));
    }
    Ok(Certificate::from_pem(text))
}

/// What the failure to connect means.
fn unconnected(server: &Server, error: &tonic::transport::Error) -> RemoteError {
    let name = server.to_string();
    match find::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(cause)) => RemoteError::Certificate {
            server: name,
            cause: certificate_text(cause),
        },
        Some(cause) => RemoteError::Tls {
            server: name,
            cause: cause.to_string(),
        },
        None if server.secure && innermost(error).contains("not negotiated") => RemoteError::Tls {
            server: name,
            cause: innermost(error),
        },
        None => RemoteError::Unreachable {
            server: name,
            cause: innermost(error),
        },
    }
}

fn certificate_text(cause: &rustls::CertificateError) -> String {
    use rustls::CertificateError as E;
    match cause {
        E::Expired | E::ExpiredContext { .. } => "it has expired".into(),
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "it is not valid yet (is the clock right?)".into()
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            format!("it is for another host ({})", E::to_string(cause))
        }
        E::UnknownIssuer | E::BadSignature => "nobody that is trusted has signed it".into(),
        other => other.to_string(),
    }
}

/// What a call's failure means. `after` is the time that it had.
pub(super) fn called(
    server: &Server,
    with_token: bool,
    after: Duration,
    status: &Status,
) -> RemoteError {
    let server = server.to_string();
    let cause = shortened(status.message());
    if status.source().is_some() {
        // Not the server's word, but what happened to the call or the connection.
        if find::<tonic::TimeoutExpired>(status).is_some() {
            return RemoteError::Deadline { server, after };
        }
        let cause = innermost(status);
        return RemoteError::Lost { server, cause };
    }
    match status.code() {
        Code::DeadlineExceeded => RemoteError::Deadline { server, after },
        Code::Unavailable | Code::ResourceExhausted => RemoteError::Busy { server, cause },
        Code::Unauthenticated | Code::PermissionDenied => RemoteError::Unauthenticated {
            server,
            cause,
            with_token,
        },
        Code::Unimplemented => RemoteError::Protocol { server, cause },
        // tonic's word for an answer above the limit.
        Code::OutOfRange => RemoteError::Reply { server, cause },
        Code::InvalidArgument | Code::FailedPrecondition | Code::NotFound => {
            RemoteError::Refused { server, cause }
        }
        _ => RemoteError::Failed { server, cause },
    }
}

/// Whether the peer broke the protocol. A connection that just ends may do so with any other error.
pub(super) fn is_nonsense(status: &Status) -> bool {
    find::<h2::Error>(status).is_some_and(h2::Error::is_library)
}

/// The first error of a type on the way down from `error`.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An io::Error names what is below its custom error as its source, not that error itself.
        next = match error.downcast_ref::<std::io::Error>() {
            Some(io) => match io.get_ref() {
                Some(inner) => Some(inner),
                None => io.source(),
            },
            None => error.source(),
        };
    }
    None
}

/// What the error at the bottom says; those above say "transport error" and the like.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut lowest = error;
    while let Some(next) = lowest.source() {
        lowest = next;
    }
    shortened(&lowest.to_string())
}

/// A text from elsewhere, on one line and not too long.
pub(super) fn shortened(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.trim().chars().take(LONGEST_CAUSE).map(clean).collect();
    if text.trim().chars().nth(LONGEST_CAUSE).is_some() {
        short.push('…');
    }
    if short.is_empty() {
        short.push_str("it gives no reason");
    }
    short
}
