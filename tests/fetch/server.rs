// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! An HTTP server on the loopback interface that misbehaves as it is told.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// How many requests for the same path came before it.
    pub(crate) earlier: usize,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The first byte of the range that is asked for.
    pub(crate) fn from(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// What to send.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// What Content-Length says; the body's length if none.
    pub(crate) announced: Option<usize>,
    /// Close the connection after this many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Do not close it then, but send nothing more.
    pub(crate) stall: bool,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// What a server does that knows ranges and ETags.
    pub(crate) fn of(request: &Request, body: &[u8], etag: &str) -> Self {
        let current = request
            .header("if-range")
            .is_none_or(|version| version == etag);
        let answer = match request.from() {
            Some(from) if current && from >= body.len() => {
                Self::status(416).with("Content-Range", &format!("bytes */{}", body.len()))
            }
            Some(from) if current => Self {
                status: 206,
                body: body[from..].to_vec(),
                ..Self::default()
            }
            .with(
                "Content-Range",
                &format!("bytes {from}-{}/{}", body.len() - 1, body.len()),
            ),
            _ => Self::ok(body),
        };
        answer.with("ETag", etag)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub(crate) fn stall(mut self, after: usize) -> Self {
        self.stall = true;
        self.cut(after)
    }

    fn send(&self, mut stream: TcpStream) -> std::io::Result<()> {
        write!(
            stream,
            "HTTP/1.1 {} Words\r\nConnection: close\r\n",
            self.status
        )?;
        for (name, value) in &self.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        let announced = self.announced.unwrap_or(self.body.len());
        write!(stream, "Content-Length: {announced}\r\n\r\n")?;
        let count = self.cut.unwrap_or(self.body.len());
        stream.write_all(&self.body[..count])?;
        stream.flush()?;
        if self.stall {
            // Far longer than any client of these tests waits.
            thread::sleep(Duration::from_secs(60));
        }
        Ok(())
    }
}

/// A running server. It ends with the process.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &log, &*answer));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What has been asked for so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests for files of this name.
    pub(crate) fn requests_for(&self, name: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.path.ends_with(name));
        requests
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request) -> Answer) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_string();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.to_string()))
        })
        .collect();
    let request = {
        let mut log = log.lock().unwrap();
        let earlier = log.iter().filter(|request| request.path == path).count();
        let request = Request {
            earlier,
            path,
            headers,
        };
        log.push(request.clone());
        request
    };
    // The client may have gone; that is its right.
    drop(answer(&request).send(stream));
}
