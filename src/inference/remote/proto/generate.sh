#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Makes mod.rs (messages and client) and tests/remote/service.rs (the server that tests run) anew
# from kserve.proto. Needs cargo, but no protoc. The build itself does not run it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tests=$(cd "$here/../../../../tests/remote" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/kserve.proto" "$work/"
cargo init -q --name generate "$work"
cd "$work"
cargo add -q tonic-prost-build@0.14 protox@0.9
cat > src/main.rs <<'RS'
fn main() {
    let files = protox::compile(["kserve.proto"], ["."]).expect("the file is right");
    let config = || {
        tonic_prost_build::configure()
            .build_transport(false)
            .disable_comments(["."])
    };
    std::fs::create_dir_all("client").expect("a folder");
    config()
        .build_server(false)
        .bytes(".inference")
        .out_dir("client")
        .compile_fds(files.clone())
        .expect("client");
    std::fs::create_dir_all("server").expect("a folder");
    config()
        .build_client(false)
        .extern_path(".inference", "::gstdptdepth::inference::remote::proto")
        .out_dir("server")
        .compile_fds(files)
        .expect("server");
}
RS
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target} cargo run -q
for pair in "client/inference.rs $here/mod.rs" "server/inference.rs $tests/service.rs"; do
    read -r from to <<<"$pair"
    {
        echo "// SPDX-FileCopyrightText: The dptdepth developers"
        echo "// SPDX-License-Identifier: MPL-2.0"
        echo
        cat "$from"
    } >"$to"
    rustfmt --edition 2024 "$to"
done
