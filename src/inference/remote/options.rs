// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which servers, which model, and how to talk to them.

use super::error::RemoteError;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The port that Triton listens on for gRPC.
const DEFAULT_PORT: u16 = 8001;

/// One server: `grpc://HOST[:PORT]` in clear, `grpcs://HOST[:PORT]` over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// TCP port, 8001 unless given.
    pub port: u16,
    /// Whether the connection is encrypted and the server proves who it is.
    pub secure: bool,
}

impl Server {
    /// Whether this is this machine under a name that says so.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Host and port, with an IPv6 address in brackets.
    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }

    /// The address as HTTP knows it.
    pub(super) fn uri(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "grpcs" } else { "grpc" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl FromStr for Server {
    type Err = RemoteError;

    fn from_str(url: &str) -> Result<Self, RemoteError> {
        let wrong = |cause: &str| RemoteError::Url {
            url: url.into(),
            cause: cause.into(),
        };
        let (secure, rest) = match url.split_once("://") {
            Some(("grpc", rest)) => (false, rest),
            Some(("grpcs", rest)) => (true, rest),
            Some(("http" | "https", _)) => {
                return Err(wrong(
                    "HTTP is Triton's other port; this is gRPC, on port 8001 by default",
                ));
            }
            Some((scheme, _)) => return Err(wrong(&format!("{scheme:?} is no scheme for it"))),
            None => return Err(wrong("it has no scheme")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(wrong(
                "it has a path; the model is named by server-model instead",
            ));
        }
        if rest.contains('@') {
            return Err(wrong(
                "it has a user or password; a token goes into a file, see server-token-file",
            ));
        }
        let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
            let (host, port) = rest
                .split_once(']')
                .ok_or_else(|| wrong("its '[' is not closed"))?;
            host.parse::<Ipv6Addr>()
                .map_err(|_| wrong(&format!("{host:?} is no IPv6 address")))?;
            let port = match port {
                "" => None,
                port => Some(
                    port.strip_prefix(':')
                        .ok_or_else(|| wrong(&format!("{port:?} behind the address is no port")))?,
                ),
            };
            (host, port)
        } else {
            match rest.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(wrong("an IPv6 address needs brackets: grpc://[::1]:8001"));
                }
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        if let Some(odd) = host.chars().find(|&c| !is_name(c)) {
            return Err(wrong(&format!("a host has no {odd:?} in its name")));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(text) => match text.parse() {
                Ok(port) if port > 0 && text.bytes().all(|c| c.is_ascii_digit()) => port,
                _ => return Err(wrong(&format!("{text:?} is no port (1 to 65535)"))),
            },
        };
        Ok(Self {
            host: host.into(),
            port,
            secure,
        })
    }
}

/// A model on a server: `NAME` or `NAME:VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// As in the server's model repository.
    pub name: String,
    /// The version; empty where the server chooses.
    pub version: String,
}

impl FromStr for ModelName {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Self, RemoteError> {
        let (name, version) = text.split_once(':').unwrap_or((text, ""));
        let wrong = |cause: &'static str| RemoteError::ModelName {
            name: text.into(),
            cause,
        };
        if name.is_empty() {
            return Err(wrong("it is empty"));
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(wrong("it holds a space"));
        }
        if text.ends_with(':') || !version.bytes().all(|c| c.is_ascii_digit()) {
            return Err(wrong("what follows the colon is no version number"));
        }
        Ok(Self {
            name: name.into(),
            version: version.into(),
        })
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.as_str() {
            "" => f.write_str(&self.name),
            version => write!(f, "{}:{version}", self.name),
        }
    }
}

/// What a [`Client`](super::Client) is made from.
#[derive(Clone, Debug)]
pub struct Options {
    /// In the order of preference; at least one.
    pub servers: Vec<Server>,
    /// The model that every one of them serves.
    pub model: ModelName,
    /// Certificates (PEM) of whoever signs the servers'. None: those of the system.
    pub ca_file: Option<PathBuf>,
    /// A file with a bearer token. It is read again when it changes. Needs `grpcs://`.
    pub token_file: Option<PathBuf>,
    /// How long a server may take to be connected and to describe its model.
    pub connect_timeout: Duration,
    /// How long one attempt of a request may take, however far off its deadline is.
    pub request_timeout: Duration,
    /// How often the server in use is asked for its health.
    pub health_interval: Duration,
    /// The longest wait between two rounds of attempts to connect.
    pub longest_wait: Duration,
}

impl Options {
    /// From the texts of `server-url` (`;` between several servers) and `server-model`, with no
    /// token, the system's certificates and the usual times: 5 s to connect, 10 s for an attempt,
    /// a look at the health every 5 s, attempts to connect 10 s apart at most.
    ///
    /// # Errors
    /// [`RemoteError::Url`] or [`RemoteError::ModelName`].
    pub fn new(servers: &str, model: &str) -> Result<Self, RemoteError> {
        let all: Vec<Server> = servers
            .split(';')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        if all.is_empty() {
            return Err(RemoteError::Url {
                url: servers.into(),
                cause: "it names no server".into(),
            });
        }
        Ok(Self {
            servers: all,
            model: model.parse()?,
            ca_file: None,
            token_file: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            health_interval: Duration::from_secs(5),
            longest_wait: Duration::from_secs(10),
        })
    }

    /// What the user should know of these settings: that pictures leave this machine in clear.
    pub fn warning(&self) -> Option<String> {
        let open: Vec<_> = self
            .servers
            .iter()
            .filter(|server| !server.secure && !server.is_loopback())
            .map(Server::to_string)
            .collect();
        (!open.is_empty()).then(|| {
            format!(
                "pictures go to {} in clear: whoever is on the network in between can see and change \
                 them and their results; use grpcs:// and server-ca-file, or a tunnel",
                open.join(" and ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn servers_are_read_and_written() {
        for (url, host, port, secure, written) in [
            ("grpc://box", "box", 8001, false, "grpc://box:8001"),
            (
                "grpcs://gpu-1.example.:443",
                "gpu-1.example.",
                443,
                true,
                "grpcs://gpu-1.example.:443",
            ),
            (
                "grpc://10.0.0.7:9001/",
                "10.0.0.7",
                9001,
                false,
                "grpc://10.0.0.7:9001",
            ),
            (
                "grpcs://[fe80::1]:9001",
                "fe80::1",
                9001,
                true,
                "grpcs://[fe80::1]:9001",
            ),
            ("grpc://[::1]", "::1", 8001, false, "grpc://[::1]:8001"),
        ] {
            let read = server(url);
            assert_eq!(
                (read.host.as_str(), read.port, read.secure),
                (host, port, secure)
            );
            assert_eq!(read.to_string(), written);
            assert_eq!(server(written), read);
        }
    }

    #[test]
    fn other_urls_are_refused_with_the_reason() {
        for (url, reason) in [
            ("box:8001", "no scheme"),
            ("", "names no server"),
            (" ; ", "names no server"),
            ("http://box:8000", "HTTP is Triton's other port"),
            ("ftp://box", "\"ftp\" is no scheme"),
            ("grpc://", "names no host"),
            ("grpc://:8001", "names no host"),
            ("grpc://box:0", "\"0\" is no port"),
            ("grpc://box:65536", "\"65536\" is no port"),
            ("grpc://box:+80", "\"+80\" is no port"),
            ("grpc://box:", "\"\" is no port"),
            ("grpc://box/depth", "it has a path"),
            ("grpc://me:secret@box", "server-token-file"),
            ("grpc://::1:8001", "needs brackets"),
            ("grpc://[::1", "not closed"),
            ("grpc://[box]:8001", "no IPv6 address"),
            ("grpc://[::1]8001", "no port"),
            ("grpc://bo x", "has no ' '"),
            ("grpc://böx", "has no 'ö'"),
            ("grpc://ok;box", "no scheme"),
        ] {
            let error = Options::new(url, "m").unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(error.contains("grpc://HOST"), "{error} says what is right");
        }
    }

    #[test]
    fn models_have_a_name_and_perhaps_a_version() {
        let options = Options::new("grpc://a; grpcs://b:1;", "dpt_large:3").unwrap();
        assert_eq!(options.servers.len(), 2);
        assert_eq!(options.model.name, "dpt_large");
        assert_eq!(options.model.version, "3");
        assert_eq!(options.model.to_string(), "dpt_large:3");
        for name in ["", ":1", "a b", "a:", "a:latest", "a:1:2", "a\n"] {
            assert!(
                matches!(
                    Options::new("grpc://a", name),
                    Err(RemoteError::ModelName { .. })
                ),
                "{name:?}"
            );
        }
    }

    #[test]
    fn only_clear_text_to_another_machine_is_warned_of() {
        let warning = |url: &str| Options::new(url, "m").unwrap().warning();
        for quiet in [
            "grpc://127.0.0.1",
            "grpc://[::1]:1",
            "grpc://localhost",
            "grpcs://box",
        ] {
            assert_eq!(warning(quiet), None, "{quiet}");
        }
        let text = warning("grpc://box;grpcs://other;grpc://10.1.1.1").unwrap();
        assert!(
            text.contains("grpc://box:8001 and grpc://10.1.1.1:8001 in clear"),
            "{text}"
        );
        assert!(!text.contains("other"));
    }
}
