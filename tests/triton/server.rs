// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A real Triton server on the loopback interface: NVIDIA's own binary from the wheel
//! `nvidia-pytriton`, with its Python backend, which runs `onnxruntime/model.py` for models that ask
//! for the ONNX Runtime backend. `scripts/setup.sh --tests` puts it into `target/triton`.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Loading models takes seconds, on a machine that is busy many.
const PATIENCE: Duration = Duration::from_secs(180);

/// Where `scripts/setup.sh --tests` has put the server.
pub(crate) fn installed() -> PathBuf {
    std::env::var_os("DPTDEPTH_TEST_TRITON")
        .expect("tests/run.sh sets it, and scripts/setup.sh says why if there is no Triton")
        .into()
}

/// A server that runs, and ends with this value.
pub(crate) struct Triton {
    process: Child,
    log: PathBuf,
    http: u16,
    grpc: u16,
    /// What the names of its shared memory begin with.
    prefix: String,
}

impl Triton {
    /// Serves a model repository; returns once every model is ready. `arguments` are the server's.
    /// Its log goes into `log`.
    pub(crate) fn start(repository: &Path, log: &Path, arguments: &[&str]) -> Self {
        Self::start_at(repository, log, free_port(), arguments)
    }

    /// As [`Self::start`], with gRPC on this port.
    pub(crate) fn start_at(repository: &Path, log: &Path, grpc: u16, arguments: &[&str]) -> Self {
        let installed = installed();
        let site = installed.join("site");
        let other = |port: &u16| *port != grpc;
        let http = std::iter::repeat_with(free_port).find(other).unwrap();
        let prefix = format!("dptdepth-test-{}-{grpc}-", std::process::id());
        let out = std::fs::File::create(log).unwrap();
        let process = Command::new(site.join("pytriton/tritonserver/bin/tritonserver"))
            .arg("--model-repository")
            .arg(repository)
            .arg("--backend-directory")
            .arg(installed.join("backends"))
            .arg(format!(
                "--backend-config=python,shm-region-prefix-name={prefix}"
            ))
            .args(["--http-address=127.0.0.1", "--grpc-address=127.0.0.1"])
            .arg(format!("--http-port={http}"))
            .arg(format!("--grpc-port={grpc}"))
            .args(["--allow-metrics=false", "--exit-timeout-secs=5"])
            .args(arguments)
            // The Python backend's interpreter links libraries of the wheel, and is Debian's.
            .env("LD_LIBRARY_PATH", site.join("nvidia_pytriton.libs"))
            .env("PATH", "/usr/bin:/bin")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("ORT_DISABLE_TELEMETRY", "1")
            // Its Python processes too are killed with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .expect("scripts/setup.sh --tests has installed Triton");
        let mut server = Self {
            process,
            log: log.into(),
            http,
            grpc,
            prefix,
        };
        server.wait();
        server
    }

    /// The port for gRPC, on 127.0.0.1.
    pub(crate) fn grpc(&self) -> u16 {
        self.grpc
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while !self.is_ready() {
            let ended = self.process.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                panic!("Triton does not become ready ({ended:?}):\n{log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What `GET /v2/health/ready` says: with the default `--strict-readiness`, whether every model is.
    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.http))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(
                b"GET /v2/health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }
}

#[cfg(feature = "remote")]
impl Triton {
    pub(crate) fn url(&self) -> String {
        format!("grpc://127.0.0.1:{}", self.grpc)
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// As if its machine had lost its power. Where it was.
    pub(crate) fn kill(self) -> u16 {
        self.grpc
    }
}

impl Drop for Triton {
    /// What is killed leaves shared memory behind.
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.process.wait();
        for entry in std::fs::read_dir("/dev/shm")
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(&self.prefix) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
