#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# The part of tests/trixie.sh that runs inside: pipelines of both builds on a newer GStreamer.
#
#   tests/trixie/run.sh FEATURE    with /build/debug, /build/default.so, and ORT_TESTS a newer
#                                  ONNX Runtime than the distribution's

set -euo pipefail
cd "$(dirname "$0")/../.."

feature=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME=$scratch/cache G_DEBUG=fatal-criticals

pass() { printf 'PASS %s\n' "$*"; }
fail() {
    printf 'FAIL %s\n' "$*" >&2
    exit 1
}

# Debian's ONNX Runtime complains on stderr, whoever loads it, of hundreds of operators that it and
# Debian's libonnx both register; that is left out.
quietly() { "$@" 2> >(grep -v -E '^Schema error: |^$' >&2); }

# A build of the plugin and nothing else of ours, with a registry of its own.
use() {
    mkdir -p "$scratch/$1"
    cp "$2" "$scratch/$1/libgstdptdepth.so"
    export GST_PLUGIN_PATH=$scratch/$1 GST_REGISTRY=$scratch/$1/registry.bin
}

inspect() {
    gst-inspect-1.0 dptdepth >"$scratch/inspect" 2>"$scratch/errors" ||
        fail "gst-inspect-1.0: $(cat "$scratch/errors")"
    grep -q 'output-tensor-meta' "$scratch/inspect" || fail "gst-inspect-1.0 shows no output-tensor-meta"
    [[ ! -s "$scratch/errors" ]] || fail "gst-inspect-1.0 writes: $(cat "$scratch/errors")"
}

depth=tests/data/dpt/vit-project
play() {
    timeout 120 gst-launch-1.0 -q videotestsrc num-buffers=5 ! video/x-raw,width=64,height=48,format=RGB \
        ! dptdepth "$@" ! fakesink 2>"$scratch/errors"
}

use default /build/default.so
inspect
pass "the default build, made for an older GStreamer, is loaded"
play model-file=$depth output=map || fail "the default build: $(cat "$scratch/errors")"
pass "the default build runs"
! play model-file=$depth output-tensor-meta=true || fail "the default build takes output-tensor-meta=true"
grep -q -- '--features v1_26' "$scratch/errors" ||
    fail "the default build says of output-tensor-meta=true only: $(cat "$scratch/errors")"
pass "the default build says what output-tensor-meta needs"

use newer /build/debug/libgstdptdepth.so
inspect
pass "the build with $feature is loaded"

/build/debug/dpt-onnx export $depth --size 32x32 -o "$scratch/depth.onnx" >/dev/null
export MODEL=$scratch/depth.onnx SCRATCH=$scratch
unset ORT_DYLIB_PATH
quietly python3 tests/trixie/metas.py
if [[ $feature == v1_28 ]]; then quietly python3 tests/trixie/metas_28.py; fi
# One ONNX Runtime in the process or two, whichever element comes first.
for first in dptdepth onnxinference; do
    quietly python3 tests/trixie/coexist.py $first 1
    quietly env ORT_DYLIB_PATH="$ORT_TESTS" python3 tests/trixie/coexist.py $first 2
done
