#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Makes proto.rs anew from the onnx.proto that the `onnx` Python package ships. Needs protoc,
# cargo and an environment with `pip install onnx`. The build itself needs none of these.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$(python3 -c 'import onnx, pathlib; print(pathlib.Path(onnx.__file__).parent)')/onnx.proto" "$work/"
cargo init -q --name generate "$work"
cd "$work"
cargo add -q prost-build@0.14
cat > src/main.rs <<'RS'
fn main() {
    prost_build::Config::new()
        .out_dir(".")
        .bytes([".onnx.TensorProto.raw_data"])
        .disable_comments(["."])
        .compile_protos(&["onnx.proto"], &["."])
        .expect("protoc runs");
}
RS
cargo run -q
{
    echo "// SPDX-FileCopyrightText: The ONNX Project Contributors"
    echo "// SPDX-License-Identifier: Apache-2.0"
    echo
    cat onnx.rs
} > "$here/proto.rs"
