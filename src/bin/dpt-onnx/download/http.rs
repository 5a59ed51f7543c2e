// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! GET with redirects. They are followed here, not by the HTTP crate: the hub says what a file's
//! SHA-256 is in the answer that redirects, and a token must not follow to another host.

use super::DownloadError;
use super::part::Resume;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderMap, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const MAX_REDIRECTS: u32 = 10;
/// Longer than this no server is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long to wait and how often to try.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// For a connection, and for the next bytes of an answer.
    pub(crate) timeout: Duration,
    /// Before the second try; doubled for each that follows.
    pub(crate) wait: Duration,
    /// Tries after the first that brought nothing new.
    pub(crate) retries: u32,
}

/// Asks servers for files.
pub(crate) struct Client {
    agent: ureq::Agent,
    token: Option<String>,
    pub(super) patience: Patience,
}

/// An answer whose body is still to be read.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Box<dyn Read>,
    /// The SHA-256 of the whole file, where a hub said it.
    pub(super) linked_sha256: Option<String>,
    /// The size of the whole file, where a hub said it.
    pub(super) linked_size: Option<u64>,
    headers: HeaderMap,
}

impl Client {
    /// `token` is sent to the first host of a request only, and only where nobody can listen.
    pub(crate) fn new(patience: Patience, token: Option<String>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // The system's certificates, so that a company's own are trusted too.
        let certificates: Vec<_> = rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(certificates)))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("dpt-onnx/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(patience.timeout))
            .timeout_recv_response(Some(patience.timeout))
            .timeout_per_read(Some(patience.timeout))
            .build()
            .new_agent();
        Self {
            agent,
            token,
            patience,
        }
    }

    /// Asks for a file, or for the rest of it.
    pub(super) fn get(&self, url: &str, resume: Option<&Resume>) -> Result<Reply, DownloadError> {
        let first = parse(url)?;
        let (mut linked_sha256, mut linked_size) = (None, None);
        let mut at = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(at.clone());
            // Bytes are counted, so nobody may compress them on the way.
            request = request.header(header::ACCEPT_ENCODING, "identity");
            let token = self
                .token
                .as_ref()
                .filter(|_| same_origin(&first, &at) && is_private(&at));
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            if let Some(resume) = resume {
                request = request.header(header::RANGE, format!("bytes={}-", resume.from));
                if let Some(validator) = &resume.validator {
                    request = request.header(header::IF_RANGE, validator);
                }
            }
            let answer = request.call().map_err(|error| failure(&at, error))?;
            let (parts, body) = answer.into_parts();
            if same_origin(&first, &at) {
                linked_sha256 = linked_sha256
                    .or_else(|| text(&parts.headers, "x-linked-etag").and_then(as_sha256));
                linked_size = linked_size.or_else(|| {
                    text(&parts.headers, "x-linked-size").and_then(|size| size.parse().ok())
                });
            }
            let status = parts.status.as_u16();
            match status {
                301 | 302 | 303 | 307 | 308 => {
                    let location = text(&parts.headers, "location").unwrap_or_default();
                    at = follow(&at, location)?;
                }
                200 | 206 | 416 => {
                    return Ok(Reply {
                        status,
                        body: Box::new(body.into_reader()),
                        linked_sha256,
                        linked_size,
                        headers: parts.headers,
                    });
                }
                _ => return Err(refusal(&at, status, &parts.headers, token.is_some())),
            }
        }
        Err(DownloadError::Address {
            url: url.into(),
            reason: "it redirects without an end",
        })
    }
}

impl Reply {
    /// The size of the whole file, as this answer has it.
    pub(super) fn total(&self) -> Option<u64> {
        match self.status {
            200 => text(&self.headers, "content-length")?.parse().ok(),
            _ => self.content_range()?.rsplit_once('/')?.1.parse().ok(),
        }
    }

    /// Where the range that is sent begins.
    pub(super) fn range_start(&self) -> Option<u64> {
        self.content_range()?.split_once('-')?.0.parse().ok()
    }

    fn content_range(&self) -> Option<&str> {
        Some(
            text(&self.headers, "content-range")?
                .strip_prefix("bytes")?
                .trim_start(),
        )
    }

    pub(super) fn content_type(&self) -> &str {
        text(&self.headers, "content-type").unwrap_or_default()
    }

    /// What identifies this version of the file byte for byte: a strong ETag, else its date.
    pub(super) fn validator(&self) -> Option<String> {
        text(&self.headers, "etag")
            .filter(|etag| etag.starts_with('"'))
            .or_else(|| text(&self.headers, "last-modified"))
            .map(Into::into)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// An ETag of the hub that is a SHA-256: those of files in large-file storage are.
fn as_sha256(etag: &str) -> Option<String> {
    let digits = etag.trim_start_matches("W/").trim_matches('"');
    let is_hash = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| digits.to_ascii_lowercase())
}

fn parse(url: &str) -> Result<Uri, DownloadError> {
    let wrong = |reason| DownloadError::Address {
        url: url.into(),
        reason,
    };
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(wrong("it must begin with https:// or http://"));
    }
    let uri: Uri = url.parse().map_err(|_| wrong("it is malformed"))?;
    match uri.host() {
        Some(host) if !host.is_empty() => Ok(uri),
        _ => Err(wrong("it names no host")),
    }
}

/// Where a redirect leads.
fn follow(from: &Uri, location: &str) -> Result<Uri, DownloadError> {
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let has_scheme = location
        .split_once(':')
        .is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let next = if has_scheme {
        location.to_string()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let next = parse(&next)?;
    if scheme == "https" && next.scheme_str() == Some("http") {
        return Err(DownloadError::Address {
            url: shown(&next),
            reason: "a redirect from https to http is not followed",
        });
    }
    Ok(next)
}

/// An address for people: without the query, which holds a signature on most servers for files.
fn shown(uri: &Uri) -> String {
    let text = uri.to_string();
    text.split('?').next().unwrap_or_default().into()
}

fn same_origin(a: &Uri, b: &Uri) -> bool {
    a.scheme() == b.scheme() && a.authority() == b.authority()
}

/// Whether nobody on the way can read what is sent.
fn is_private(uri: &Uri) -> bool {
    let loopback = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    uri.scheme_str() == Some("https") || loopback
}

fn refusal(uri: &Uri, status: u16, headers: &HeaderMap, with_token: bool) -> DownloadError {
    let url = shown(uri);
    match status {
        401 | 403 if with_token => DownloadError::TokenRefused { url, status },
        401 | 403 => DownloadError::Refused { url, status },
        404 | 410 => DownloadError::Missing { url, status },
        408 | 429 | 500..=599 => DownloadError::Busy {
            url,
            status,
            retry_after: text(headers, "retry-after")
                .and_then(|text| text.parse().ok())
                .map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER)),
        },
        _ => DownloadError::Status { url, status },
    }
}

/// A request that got no answer.
fn failure(uri: &Uri, error: ureq::Error) -> DownloadError {
    let url = shown(uri);
    match error {
        ureq::Error::Timeout(_) => DownloadError::Silent { url },
        ureq::Error::Rustls(error) => DownloadError::Certificate {
            url,
            reason: error.to_string(),
        },
        ureq::Error::Io(error) if is_tls(&error) => DownloadError::Certificate {
            url,
            reason: error.to_string(),
        },
        error => DownloadError::Unreachable {
            url,
            reason: error.to_string(),
        },
    }
}

fn is_tls(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
}
