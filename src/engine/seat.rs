// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A stream's place at what runs its model, here or on a server.

#[cfg(feature = "remote")]
use super::server;
use super::{Engine, EngineError, Map, host};
use crate::spec::Size;
use std::sync::Arc;
use std::time::Duration;

/// Hears of what a stream has submitted; called on a thread of the engine's.
pub trait Listener: Send + Sync {
    /// Whether anybody still waits for this run.
    fn wants(&self, run: u64) -> bool;
    /// A run is over, or was left out because nobody waits for it.
    fn complete(&self, run: u64, done: Done);
}

/// A finished run. The memory that was submitted comes back for the next one.
pub struct Done {
    /// The picture.
    pub rgb: Vec<u8>,
    /// Its map, if the result is good.
    pub map: Map,
    /// What went wrong; runs of one batch share it.
    pub result: Result<(), Arc<EngineError>>,
    /// What the run took, for all pictures of its batch.
    pub took: Duration,
    /// What it took from when this stream's picture was the next of the stream's own: the run, and
    /// the runs of others before it.
    pub turn: Duration,
    /// Pictures in the run.
    pub batch: usize,
    /// Streams that share the engine.
    pub streams: usize,
    /// Runs that can go on at once.
    pub lanes: usize,
}

/// What is known of an engine once it stands.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What really runs the model, such as `cpu` or `openvino`.
    pub provider: String,
    /// Why that provider was chosen.
    pub reason: String,
    /// What it computes in, such as `fp32`.
    pub precision: &'static str,
    /// Height and width of the maps.
    pub map_size: Size,
    /// How long a run of one picture takes.
    pub warm_run: Duration,
    /// Whether the graph was found in the cache folder, not built.
    pub cache_hit: bool,
    /// Why the cache could not take what was built.
    pub cache_trouble: Option<String>,
}

impl Ready {
    pub(super) fn of(engine: &Engine) -> Self {
        Self {
            provider: engine.active_provider().to_string(),
            reason: engine.provider_reason().to_string(),
            precision: engine.precision(),
            map_size: engine.map_size(),
            warm_run: engine.warm_run(),
            cache_hit: engine.cache_hit(),
            cache_trouble: engine.cache_trouble().map(ToString::to_string),
        }
    }
}

/// A stream's place at an engine. When the last one is given up the engine's memory is freed.
#[derive(Debug)]
pub enum Seat {
    /// At an engine of this process.
    Here(host::Seat),
    /// At a server's.
    #[cfg(feature = "remote")]
    There(server::Seat),
}

impl Seat {
    /// The most that [`Self::flights`] says.
    pub const MOST_FLIGHTS: usize = host::MOST_LANES + 1;

    /// What is known of the engine.
    pub fn ready(&self) -> &Ready {
        match self {
            Self::Here(seat) => seat.ready(),
            #[cfg(feature = "remote")]
            Self::There(seat) => seat.ready(),
        }
    }

    /// How many runs may be on their way so that none has to wait for what comes before it. `patient`
    /// as in [`Self::submit`].
    pub fn flights(&self, patient: bool) -> usize {
        match self {
            // Some run while the result of another is drawn.
            Self::Here(seat) if patient => seat.lanes() + 1,
            Self::Here(_) => 2,
            // Others are on the network meanwhile, and the server may run several at once.
            #[cfg(feature = "remote")]
            Self::There(_) => 4,
        }
    }

    /// Asks for a run on `rgb`, packed 8-bit RGB of the network's size; `map` receives its result.
    /// The listener hears of its end under the number `run`. `patient`: more results are worth more
    /// to the stream than sooner ones, so runs may be made to go on beside each other for it alone.
    pub fn submit(&self, run: u64, rgb: Vec<u8>, map: Map, patient: bool) {
        match self {
            Self::Here(seat) => seat.submit(run, rgb, map, patient),
            #[cfg(feature = "remote")]
            Self::There(seat) => seat.submit(run, rgb, map),
        }
    }

    /// Gives the place up, and waits until the engine's memory is free if it was the last one here.
    pub fn release(self) {
        match self {
            Self::Here(seat) => seat.release(),
            #[cfg(feature = "remote")]
            Self::There(_) => {}
        }
    }
}
