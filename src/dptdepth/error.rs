// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The one place where failures become messages on the bus: cause first, remedy after, with a
//! domain that says whose fault it is.

use crate::dptdepth::Output;
use crate::engine::EngineError;
use crate::frame::FrameError;
#[cfg(feature = "remote")]
use crate::inference::remote::RemoteError;
use crate::inference::{CacheError, InferenceError, RuntimeError};
use crate::model::ModelError;
use gst::error_msg;

/// Why an item was not handled.
#[derive(Debug)]
pub(super) enum Stop {
    /// Downstream's answer, or a flush.
    Flow(gst::FlowError),
    /// An error of our own, to be posted.
    Error(gst::ErrorMessage),
}

impl From<gst::FlowError> for Stop {
    fn from(error: gst::FlowError) -> Self {
        Self::Flow(error)
    }
}

impl From<gst::ErrorMessage> for Stop {
    fn from(error: gst::ErrorMessage) -> Self {
        Self::Error(error)
    }
}

impl From<FrameError> for Stop {
    fn from(error: FrameError) -> Self {
        frame(&error).into()
    }
}

/// The runtime could not be found or loaded.
pub(super) fn runtime(error: &RuntimeError) -> gst::ErrorMessage {
    error_msg!(gst::LibraryError::Init, ("{error}"))
}

/// The model could not be opened or turned into a graph.
pub(super) fn model(error: &ModelError) -> gst::ErrorMessage {
    if error.is_not_found() {
        error_msg!(gst::ResourceError::NotFound, ("{error}"))
    } else {
        error_msg!(gst::ResourceError::OpenRead, ("{error}"))
    }
}

/// The model could not be prepared or run.
pub(super) fn engine(error: &EngineError) -> gst::ErrorMessage {
    match error {
        EngineError::Model(error) => model(error),
        EngineError::Inference(error) => inference(error),
        EngineError::Input(error) => frame(error),
        #[cfg(feature = "remote")]
        EngineError::Remote(error) => remote(error),
        EngineError::Shape(_) => error_msg!(gst::StreamError::WrongType, ("{error}")),
        EngineError::Batch { .. } => error_msg!(gst::LibraryError::Settings, ("{error}")),
        EngineError::Panicked => panicked(),
        EngineError::Thread(error) => no_thread(error),
    }
}

/// A server cannot be used, or has no result.
#[cfg(feature = "remote")]
pub(super) fn remote(error: &RemoteError) -> gst::ErrorMessage {
    match error {
        RemoteError::Url { .. }
        | RemoteError::ModelName { .. }
        | RemoteError::CaFile { .. }
        | RemoteError::TokenFile { .. }
        | RemoteError::TokenInClear { .. } => settings(&error.to_string()),
        RemoteError::Certificate { .. } | RemoteError::Unauthenticated { .. } => {
            error_msg!(gst::ResourceError::NotAuthorized, ("{error}"))
        }
        RemoteError::ModelMissing { .. } => error_msg!(gst::ResourceError::NotFound, ("{error}")),
        RemoteError::Model { .. } | RemoteError::Spec { .. } | RemoteError::Input { .. } => {
            error_msg!(gst::StreamError::WrongType, ("{error}"))
        }
        RemoteError::Deadline { .. } | RemoteError::Busy { .. } | RemoteError::Lost { .. } => {
            error_msg!(gst::ResourceError::Read, ("{error}"))
        }
        RemoteError::Threads { .. } => error_msg!(gst::CoreError::Thread, ("{error}")),
        _ => error_msg!(gst::ResourceError::OpenRead, ("{error}")),
    }
}

fn inference(error: &InferenceError) -> gst::ErrorMessage {
    if error.is_provider() {
        error_msg!(gst::LibraryError::Settings, ("{error}"))
    } else {
        error_msg!(gst::LibraryError::Failed, ("{error}"))
    }
}

/// The cache folder cannot be used.
pub(super) fn cache(error: &CacheError) -> gst::ErrorMessage {
    error_msg!(gst::ResourceError::OpenWrite, ("{error}"))
}

/// A property's value makes no sense.
pub(super) fn settings(text: &str) -> gst::ErrorMessage {
    error_msg!(gst::LibraryError::Settings, ("{text}"))
}

/// The labels file cannot be read.
pub(super) fn labels_file(path: &str, error: &std::io::Error) -> gst::ErrorMessage {
    error_msg!(
        gst::ResourceError::OpenRead,
        ("Cannot read labels-file: {error}; give a UTF-8 text file with one class name a line: {path}")
    )
}

/// Caps that passed the templates and still describe no frame that can be processed.
pub(super) fn caps(caps: &gst::Caps) -> gst::ErrorMessage {
    error_msg!(
        gst::CoreError::Negotiation,
        ("These caps describe no video frame that can be processed; put videoconvert before dptdepth: {caps}")
    )
}

/// Downstream takes none of the formats that the output can have.
pub(super) fn no_common_caps(
    output: Output,
    ours: &gst::Caps,
    downstream: &gst::Caps,
) -> gst::ErrorMessage {
    let nick = gst::glib::EnumValue::from_value(&gst::prelude::ToValue::to_value(&output))
        .map_or("?", |(_, value)| value.nick());
    error_msg!(
        gst::CoreError::Negotiation,
        ("Downstream takes no format that output={nick} can give; put videoconvert after dptdepth or choose another output"),
        ["dptdepth can give {ours}; downstream takes {downstream}"]
    )
}

/// A frame could not be mapped.
pub(super) fn unreadable_frame() -> gst::ErrorMessage {
    error_msg!(
        gst::StreamError::Format,
        ("A frame's memory cannot be mapped or is smaller than its caps say; check the element that made it")
    )
}

/// A frame's planes do not fit its caps.
pub(super) fn frame(error: &FrameError) -> gst::ErrorMessage {
    error_msg!(gst::StreamError::Format, ("{error}"))
}

/// A result could not be attached.
pub(super) fn meta(error: &gst::glib::BoolError) -> gst::ErrorMessage {
    error_msg!(
        gst::CoreError::Failed,
        ("Cannot attach the result meta: {error}")
    )
}

/// No pool gives buffers of this size.
pub(super) fn no_memory(size: u32) -> gst::ErrorMessage {
    error_msg!(
        gst::ResourceError::NoSpaceLeft,
        ("No buffer pool gives frames of {size} bytes; use smaller frames or free memory")
    )
}

/// A thread could not be started.
pub(super) fn no_thread(error: &std::io::Error) -> gst::ErrorMessage {
    error_msg!(
        gst::ResourceError::Failed,
        ("Cannot start a thread: {error}; check the process's limits")
    )
}

/// `metrics-port` cannot be listened to.
pub(super) fn metrics_port(port: u16, error: &std::io::Error) -> gst::ErrorMessage {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => error_msg!(
            gst::ResourceError::Busy,
            ("Port {port} of 127.0.0.1 is in use already; set metrics-port to a free one, or to 0 for none")
        ),
        std::io::ErrorKind::PermissionDenied => error_msg!(
            gst::ResourceError::NotAuthorized,
            ("Port {port} is not for ordinary users; set metrics-port to one from 1024 on, or to 0 for none")
        ),
        _ => error_msg!(
            gst::ResourceError::Failed,
            ("Cannot show metrics on port {port} of 127.0.0.1: {error}; set metrics-port to another one, or to 0 for none")
        ),
    }
}

/// An engine's thread panicked: a bug of ours.
fn panicked() -> gst::ErrorMessage {
    error_msg!(
        gst::CoreError::Failed,
        ("Internal error in dptdepth; please report it with the output of GST_DEBUG=dptdepth:6")
    )
}

/// Downstream's failure, where upstream is no longer there to report it.
pub(super) fn flow(flow: gst::FlowError) -> gst::ErrorMessage {
    error_msg!(
        gst::StreamError::Failed,
        ("Downstream stopped taking frames before the end of the stream ({flow:?})")
    )
}
