#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# onnxinference.py in the Debian 13 that tests/trixie.sh has made. Needs root, a release build, and
# the folder that peers.py has filled:
#
#   benches/peers/onnxinference.sh SCRATCH

set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=$(realpath "$1")
dir=$(realpath "${DIR:-target/trixie}")
checkpoint=depth-anything-v2-small-hf side=518

[[ -e $scratch/ours.onnx ]] || target/release/dpt-onnx export "$scratch/$checkpoint" -o "$scratch/ours.onnx" --size ${side}x$side
unshare --mount --propagation private bash -euc '
    dir=$1 repo=$2 scratch=$3
    shift 3
    mount -t proc proc "$dir/proc"
    mount --bind "$repo" "$dir/repo"
    mount --bind "$scratch" "$dir/mnt"
    exec chroot "$dir" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/bin:/bin ORT_DISABLE_TELEMETRY=1 \
        GST_PLUGIN_PATH=/repo/target/release python3 /repo/benches/peers/onnxinference.py "$@"
' inside "$dir" "$PWD" "$scratch" "/mnt/$checkpoint" /mnt/$checkpoint-${side}x$side-torch.onnx /mnt/ours.onnx $side
