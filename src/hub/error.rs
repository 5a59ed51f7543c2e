// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

/// Why a name does not lead to a model.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The catalogue has the name, this machine has not all of its files.
    #[error(
        "this model has not been downloaded; run `dpt-onnx fetch {name}` (`dpt-onnx fetch --list` \
         shows the licence and size of every known model)"
    )]
    NotFetched {
        /// The name.
        name: String,
    },
    /// Neither a file nor a name, but nearly one.
    #[error(
        "no such model; give a checkpoint folder, a weights file, an .onnx file or a name from \
         `dpt-onnx fetch --list` (near: {nearest}): {name:?}"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that are near.
        nearest: String,
    },
}
