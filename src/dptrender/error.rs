// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the other parts' errors to messages on the bus: cause first, remedy after.

use crate::frame::FrameError;
use crate::measure::ClassesError;
use gst::{ErrorMessage, error_msg};

/// A picture could not be drawn.
pub(super) fn frame(error: &FrameError) -> ErrorMessage {
    error_msg!(gst::StreamError::Format, ("{error}"))
}

/// `classes` names what the model does not know.
pub(super) fn classes(error: &ClassesError) -> ErrorMessage {
    error_msg!(gst::LibraryError::Settings, ("{error}"))
}
