// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Keeps one of several servers connected.

use super::backoff::Backoff;
use super::channel::Access;
use super::connection::Connection;
use super::contract::RemoteModel;
use super::error::RemoteError;
use super::options::Options;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Deadline, sleep, timeout_at};

/// The wait after the first failed round.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// After so many deadlines in a row another server gets its turn, if there is one.
const TOO_LATE: u32 = 3;

/// What requests and the keeper of connections know of each other.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) link: watch::Sender<Link>,
    pub(super) closed: watch::Sender<bool>,
    /// What the first server described; later ones must agree.
    pub(super) model: OnceLock<Arc<RemoteModel>>,
    pub(super) connections: AtomicU64,
    access: Arc<Access>,
    troubles: mpsc::UnboundedSender<Trouble>,
}

/// Where things stand.
#[derive(Clone, Debug)]
pub(super) enum Link {
    Connecting(Instant),
    Up(Arc<Connection>),
    Down { since: Instant, error: RemoteError },
}

/// A request's bad experience.
#[derive(Debug)]
struct Trouble {
    connection: u64,
    error: RemoteError,
}

impl Shared {
    /// Checks the options and starts to connect. To be called on the runtime.
    pub(super) fn start(options: Options) -> Result<Arc<Self>, RemoteError> {
        let access = Arc::new(Access::open(&options)?);
        let (troubles, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Self {
            options,
            link: watch::Sender::new(Link::Connecting(Instant::now())),
            closed: watch::Sender::new(false),
            model: OnceLock::new(),
            connections: AtomicU64::new(0),
            access,
            troubles,
        });
        tokio::spawn(Self::keep_until_closed(shared.clone(), received));
        Ok(shared)
    }

    /// Ends what runs and waits; requests end with [`RemoteError::Closed`].
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Returns once [`Self::close`] was called.
    pub(super) async fn closing(&self) {
        // Ends with an error where the sender is gone, which is closed too.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// A connection that works, as far as is known. Without `wait` it must be there; with it, there
    /// is time until `deadline`, unless what is wrong does not pass.
    pub(super) async fn connection(
        &self,
        wait: bool,
        deadline: Deadline,
    ) -> Result<Arc<Connection>, RemoteError> {
        let mut link = self.link.subscribe();
        loop {
            if *self.closed.borrow() {
                return Err(RemoteError::Closed);
            }
            let error = match &*link.borrow_and_update() {
                Link::Up(connection) if !connection.lost.load(Ordering::Relaxed) => {
                    return Ok(connection.clone());
                }
                Link::Up(connection) => RemoteError::Lost {
                    server: connection.server.to_string(),
                    cause: "an earlier request has found so".into(),
                },
                Link::Connecting(_) => RemoteError::NotReady {
                    server: self.options.servers[0].to_string(),
                    cause: "it is being connected".into(),
                },
                Link::Down { error, .. } => error.clone(),
            };
            if !wait || !error.is_transient() {
                return Err(error);
            }
            match timeout_at(deadline, link.changed()).await {
                Err(_) => return Err(error),
                Ok(Err(_)) => return Err(RemoteError::Closed),
                Ok(Ok(())) => {}
            }
        }
    }

    /// Tells what a request has met with.
    pub(super) fn report(&self, connection: &Connection, error: &RemoteError) {
        match error {
            RemoteError::Lost { .. } => connection.lost.store(true, Ordering::Relaxed),
            RemoteError::Deadline { .. } => {
                connection.late.fetch_add(1, Ordering::Relaxed);
            }
            error if error.is_transient() => {}
            _ => return,
        }
        // Nobody listens when the client is closed.
        let _ = self.troubles.send(Trouble {
            connection: connection.number,
            error: error.clone(),
        });
    }

    async fn keep_until_closed(shared: Arc<Self>, mut troubles: mpsc::UnboundedReceiver<Trouble>) {
        tokio::select! {
            () = shared.closing() => {}
            () = shared.keep(&mut troubles) => {}
        }
        // Lets go of the connection.
        shared.link.send_replace(Link::Down {
            since: Instant::now(),
            error: RemoteError::Closed,
        });
    }

    async fn keep(&self, troubles: &mut mpsc::UnboundedReceiver<Trouble>) {
        let backoff = Backoff {
            first: FIRST_WAIT,
            most: self.options.longest_wait,
        };
        let count = self.options.servers.len();
        let (mut first, mut failures, mut since) = (0, 0, Instant::now());
        loop {
            match self.round(first).await {
                Ok((index, connection)) => {
                    self.link.send_replace(Link::Up(connection.clone()));
                    let error = self.watch(&connection, troubles).await;
                    connection.lost.store(true, Ordering::Relaxed);
                    since = Instant::now();
                    self.link.send_replace(Link::Down { since, error });
                    first = (index + 1) % count;
                    // One that never answered a request may be lost at once again.
                    if connection.answered.load(Ordering::Relaxed) {
                        failures = 0;
                        continue;
                    }
                }
                Err(error) => {
                    self.link.send_replace(Link::Down { since, error });
                    first = 0;
                }
            }
            sleep(backoff.wait(failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// Tries every server once, from `first` on.
    async fn round(&self, first: usize) -> Result<(usize, Arc<Connection>), RemoteError> {
        let Options {
            servers,
            model,
            connect_timeout,
            ..
        } = &self.options;
        let mut errors = Vec::new();
        for index in (first..servers.len()).chain(0..first) {
            let number = self.connections.load(Ordering::Relaxed);
            let opened = Connection::open(
                number,
                &self.access,
                &servers[index],
                model,
                *connect_timeout,
            );
            match opened.await.and_then(|connection| self.agreed(connection)) {
                Ok(connection) => {
                    self.connections.fetch_add(1, Ordering::Relaxed);
                    return Ok((index, Arc::new(connection)));
                }
                Err(error) => errors.push(error),
            }
        }
        Err(together(errors))
    }

    /// Whether the model is still the one that requests are made for.
    fn agreed(&self, connection: Connection) -> Result<Connection, RemoteError> {
        let first = self.model.get_or_init(|| connection.model.clone());
        if first.agrees(&connection.model) {
            return Ok(connection);
        }
        Err(RemoteError::Model {
            server: connection.server.to_string(),
            model: connection.model.name.to_string(),
            cause: format!(
                "it takes {} {} now, which was {} {}, or gives something else",
                connection.model.input.element,
                connection.model.input.shape(),
                first.input.element,
                first.input.shape()
            ),
            remedy: "serve the same model everywhere, or start the pipeline anew to use the new one",
        })
    }

    /// Returns what ended a connection: its model's health, or what requests met with.
    async fn watch(
        &self,
        connection: &Connection,
        troubles: &mut mpsc::UnboundedReceiver<Trouble>,
    ) -> RemoteError {
        let Options {
            servers,
            connect_timeout,
            health_interval,
            ..
        } = &self.options;
        loop {
            let mut met = Vec::new();
            let received = tokio::select! {
                received = troubles.recv_many(&mut met, 64) => received,
                () = sleep(*health_interval) => 0,
            };
            met.retain(|trouble| trouble.connection == connection.number);
            if received > 0 && met.is_empty() {
                continue;
            }
            let lost = met
                .iter()
                .find(|trouble| matches!(trouble.error, RemoteError::Lost { .. }));
            if let Some(lost) = lost {
                return lost.error.clone();
            }
            if servers.len() > 1
                && connection.late.load(Ordering::Relaxed) >= TOO_LATE
                && let Some(trouble) = met.pop()
            {
                return trouble.error;
            }
            if let Err(error) = connection.check_health(*connect_timeout).await {
                return error;
            }
        }
    }
}

/// One error for those of all servers.
fn together(mut errors: Vec<RemoteError>) -> RemoteError {
    if errors.len() == 1 {
        return errors.remove(0);
    }
    let causes: Vec<_> = errors.iter().map(RemoteError::to_string).collect();
    RemoteError::NoServer {
        causes: causes.join("; "),
        transient: errors.iter().any(RemoteError::is_transient),
    }
}
