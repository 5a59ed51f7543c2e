// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The end of the process while a network is at work.
//!
//! A run cannot be interrupted and goes on when nobody waits for it any more. If the process ends
//! meanwhile, ONNX Runtime's own exit handlers take from it what it stands on. So the process waits
//! for the end of what has begun, and nothing begins any more.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the end of the process waits. A build for a GPU may take longer, a run does not.
const PATIENCE: Duration = Duration::from_secs(5);

struct State {
    at_work: usize,
    ending: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    at_work: 0,
    ending: false,
});
static CHANGED: Condvar = Condvar::new();

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something is at work in ONNX Runtime, until this is dropped.
#[derive(Debug)]
pub(super) struct Work(());

/// Begins to work in ONNX Runtime. `None` if the process ends.
pub(super) fn begin() -> Option<Work> {
    let mut state = state();
    if state.ending {
        return None;
    }
    state.at_work += 1;
    Some(Work(()))
}

impl Drop for Work {
    fn drop(&mut self) {
        state().at_work -= 1;
        CHANGED.notify_all();
    }
}

extern "C" fn wait_for_all() {
    let deadline = Instant::now() + PATIENCE;
    let mut state = state();
    state.ending = true;
    while state.at_work > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        state = CHANGED
            .wait_timeout(state, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

/// Has the end of the process wait from now on. Handlers run in the reverse of their order, so this
/// comes after every library is loaded that must not end first: again for each session.
#[expect(unsafe_code, reason = "only the C library tells of the process's end")]
pub(super) fn wait_at_the_end() {
    // SAFETY: the function takes nothing, and is there for as long as this library is. Where there
    // is no memory for a handler the process ends as if there were none.
    unsafe { libc::atexit(wait_for_all) };
}

/// What belongs to ONNX Runtime. At the end of the process it is left to that.
#[derive(Debug)]
pub(super) struct Owned<T>(Option<T>);

impl<T> Owned<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("there until it is dropped")
    }
}

impl<T> DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("there until it is dropped")
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        match begin() {
            Some(work) => {
                drop(value);
                drop(work);
            }
            None => std::mem::forget(value),
        }
    }
}
