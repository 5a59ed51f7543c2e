// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The property `metrics-port`: `GET /metrics` over HTTP on this machine's loopback address.
//!
//! One thread listens for each port of the process, whatever number of elements share it. It knows
//! nothing of streaming threads but their statistics, and a client can only cost it a thread for
//! [`PATIENCE`]: requests are short, clients few, and every wait ends.

use crate::dptdepth::exposition::{self, Sample};
use crate::dptdepth::stats::Stats;
use crate::video::lock;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Clients served at the same time.
const CLIENTS: usize = 8;
/// What a client has for everything: saying its request and reading the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest request, headers included, in bytes.
const LONGEST: usize = 8192;
/// How often the listener looks for clients, as std's cannot be woken.
const LOOK: Duration = Duration::from_millis(50);

/// The servers of this process by port.
static SERVERS: LazyLock<Mutex<BTreeMap<u16, Server>>> = LazyLock::new(Mutex::default);

/// An element whose statistics a port shows, until it is dropped. The last one of a port frees it.
pub(super) struct Exported {
    port: u16,
    label: String,
}

impl Exported {
    /// Shows `stats` on this port.
    ///
    /// # Errors
    /// When the port cannot be listened to, or no thread started.
    pub(super) fn new(
        port: u16,
        name: &str,
        model: &str,
        stats: Arc<Mutex<Stats>>,
    ) -> io::Result<Self> {
        let mut servers = lock(&SERVERS);
        let server = match servers.entry(port) {
            Entry::Occupied(server) => server.into_mut(),
            Entry::Vacant(place) => place.insert(Server::start(port)?),
        };
        let mut elements = lock(&server.shared.elements);
        // Elements of two pipelines may have one name; two equal series would be no series.
        let label = (1..)
            .map(|n| match n {
                1 => name.to_string(),
                n => format!("{name}#{n}"),
            })
            .find(|label| !elements.contains_key(label))
            .unwrap_or_default();
        let model = model.to_string();
        elements.insert(label.clone(), Element { model, stats });
        Ok(Self { port, label })
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        let mut servers = lock(&SERVERS);
        let Some(server) = servers.get(&self.port) else {
            return;
        };
        let mut elements = lock(&server.shared.elements);
        elements.remove(&self.label);
        let last = elements.is_empty();
        drop(elements);
        if last && let Some(server) = servers.remove(&self.port) {
            server.stop();
        }
    }
}

struct Element {
    model: String,
    stats: Arc<Mutex<Stats>>,
}

#[derive(Default)]
struct Shared {
    /// By label.
    elements: Mutex<BTreeMap<String, Element>>,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    stopping: bool,
    slots: [Option<Arc<TcpStream>>; CLIENTS],
}

struct Server {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new().name("dptdepth-metrics".into());
        let thread = thread.spawn({
            let shared = shared.clone();
            move || shared.listen(&listener)
        })?;
        Ok(Self { shared, thread })
    }

    /// Ends every conversation and frees the port.
    fn stop(self) {
        let mut clients = lock(&self.shared.clients);
        clients.stopping = true;
        for client in clients.slots.iter().flatten() {
            let _ = client.shutdown(Shutdown::Both);
        }
        drop(clients);
        self.thread.thread().unpark();
        let _ = self.thread.join();
    }
}

impl Shared {
    fn listen(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            loop {
                let accepted = listener.accept();
                let mut clients = lock(&self.clients);
                if clients.stopping {
                    break;
                }
                let Ok((client, _)) = accepted else {
                    drop(clients);
                    thread::park_timeout(LOOK);
                    continue;
                };
                let Some(slot) = clients.slots.iter().position(Option::is_none) else {
                    // Who comes too much finds the door closed.
                    continue;
                };
                let client = Arc::new(client);
                clients.slots[slot] = Some(client.clone());
                drop(clients);
                let thread = thread::Builder::new().name("dptdepth-metrics".into());
                let started = thread.spawn_scoped(scope, move || {
                    // A client that goes away is no trouble of ours.
                    let _ = self.serve(&client);
                    lock(&self.clients).slots[slot] = None;
                });
                if started.is_err() {
                    lock(&self.clients).slots[slot] = None;
                }
            }
        });
    }

    /// One request, one answer.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        let mut client = Timed {
            stream: client,
            deadline: Instant::now() + PATIENCE,
        };
        let mut request = Vec::new();
        let status = read_request(&mut client, &mut request)?;
        let (body, kind) = match status {
            Status::Ok => (self.text(), exposition::CONTENT_TYPE),
            refused => (format!("{}\n", refused.line()), "text/plain; charset=utf-8"),
        };
        let allow = match status {
            Status::MethodNotAllowed => "Allow: GET\r\n",
            _ => "",
        };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}Connection: close\r\n\r\n",
            status.line(),
            body.len()
        );
        client.write_all(head.as_bytes())?;
        client.write_all(body.as_bytes())?;
        client.stream.shutdown(Shutdown::Write)?;
        // Closing with something unread would take the answer away again.
        let mut rest = [0; 1024];
        while client.read(&mut rest)? > 0 {}
        Ok(())
    }

    fn text(&self) -> String {
        let elements = lock(&self.elements);
        let samples: Vec<Sample> = elements
            .iter()
            .map(|(label, element)| {
                let stats = lock(&element.stats).clone();
                Sample::new(label, &element.model, stats)
            })
            .collect();
        drop(elements);
        exposition::text(&samples)
    }
}

/// What a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    Misdirected,
    TooLarge,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found: only /metrics is here",
            Self::MethodNotAllowed => "405 Method Not Allowed: only GET is",
            Self::Misdirected => "421 Misdirected Request: ask 127.0.0.1 or localhost",
            Self::TooLarge => "431 Request Header Fields Too Large",
        }
    }
}

/// Reads up to the empty line that ends a request, and what is to be answered.
fn read_request(client: &mut impl Read, request: &mut Vec<u8>) -> io::Result<Status> {
    let mut part = [0; 1024];
    loop {
        let read = client.read(&mut part)?;
        if read == 0 {
            return Ok(Status::BadRequest);
        }
        // The end may lie across two parts.
        let from = request.len().saturating_sub(3);
        request.extend_from_slice(&part[..read]);
        let new = &request[from..];
        if new.windows(4).any(|end| end == b"\r\n\r\n") || new.windows(2).any(|end| end == b"\n\n")
        {
            return Ok(status(request));
        }
        if request.len() > LONGEST {
            return Ok(Status::TooLarge);
        }
    }
}

fn status(request: &[u8]) -> Status {
    let Ok(request) = std::str::from_utf8(request) else {
        return Status::BadRequest;
    };
    let mut lines = request.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Status::BadRequest;
    };
    if !version.starts_with("HTTP/1.") {
        return Status::BadRequest;
    }
    // A name of somebody else's that leads here is how a web page would read what is local.
    let foreign = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .any(|(_, host)| {
            let host = host.trim();
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            name != "127.0.0.1" && !name.eq_ignore_ascii_case("localhost")
        });
    let path = target.split('?').next();
    match (method, path) {
        _ if foreign => Status::Misdirected,
        (_, path) if path != Some("/metrics") => Status::NotFound,
        ("GET", _) => Status::Ok,
        _ => Status::MethodNotAllowed,
    }
}

/// A client whose time runs out, however slowly it goes on.
struct Timed<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
