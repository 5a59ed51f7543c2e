#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: progress, then how fast what ran, and in out/ a video with the picture on the left
# and its depth on the right (depth.mp4) and eight of its frames on one sheet (sheet.png).
# Sets up what is missing first, builds the plugin, then plays the clip that ships, or VIDEO.
#
#   pipelines/demo.sh [VIDEO] [--model PATH] [--output DIR]
#
#   VIDEO         any video file that GStreamer can decode
#   --model PATH  a checkpoint folder, .safetensors or .onnx file instead of the embedded model
#   --output DIR  where to write (default: out/ in the repository)

set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() { sed -n '5,13s/^# \{0,1\}//p' "$root/pipelines/demo.sh"; }
fail() {
    printf 'demo: error: %s\n' "$*" >&2
    exit 1
}

video="$root/pipelines/media/big-buck-bunny.mp4"
output="$root/out"
model=()
while (($#)); do
    case "$1" in
        -h | --help)
            usage
            exit 0
            ;;
        --model | --output)
            (($# > 1)) || fail "$1 needs a path after it"
            if [[ $1 == --model ]]; then model=(--model "$2"); else output=$2; fi
            shift
            ;;
        -*) fail "unknown option $1; see pipelines/demo.sh --help" ;;
        *) video=$1 ;;
    esac
    shift
done
[[ -f $video ]] || fail "no such video file: $video"
[[ ${#model[@]} == 0 || -e ${model[1]} ]] || fail "no such model: ${model[1]}"
mkdir -p "$output" || fail "cannot create the folder $output"

"$root/scripts/setup.sh"
source "$root/target/env.sh"
printf 'demo: building (the first time takes some minutes)\n'
cargo build --release --quiet --manifest-path "$root/Cargo.toml"
exec /usr/bin/python3 "$root/pipelines/demo.py" "$video" --output "$output" "${model[@]}"
