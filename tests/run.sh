#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Sets up what is missing, then runs every check: format, lints, build, tests.
# Arguments go to `cargo test`, for example: tests/run.sh pipelines

set -euo pipefail
cd "$(dirname "$0")/.."

headline() { printf '\n=== %s\n' "$*"; }

# A checkout that is built once gains nothing from what makes the next build faster, which takes gigabytes.
if [[ -n "${CI:-}" ]]; then export CARGO_INCREMENTAL=0; fi

headline "set-up"
scripts/setup.sh --tests
source target/env-tests.sh

# The plugin under test must not be looked up in, or written to, the user's own registry.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export GST_REGISTRY="$scratch/registry.bin"
export XDG_CACHE_HOME="$scratch/cache"

headline "format"
cargo fmt --check

headline "lints"
cargo clippy --quiet --all-targets -- -D warnings
cargo clippy --quiet --all-targets --no-default-features --features cli -- -D warnings
cargo clippy --quiet --lib --no-default-features -- -D warnings

headline "build"
cargo build

headline "tests"
# There are no documentation tests; without them the last line is a count of tests that ran.
cargo test --lib --bins --tests "$@"

headline "all good"
