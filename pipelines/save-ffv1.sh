#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: FILE, a lossless Matroska video (FFV1, 16-bit gray) of the depth. Relative depth has
# near = bright. Metric depth is in millimetres, 0 = unknown; the file says so in a comment, and
# pipelines/read_recording.py reads it. docs/recording.md tells more.
#
#   pipelines/save-ffv1.sh [VIDEO [FILE [PROPERTY=VALUE...]]]
#
# Properties of dptdepth, such as the depth-scale and depth-shift that `dpt-onnx run --known` tells,
# follow the file.

source "$(dirname "$0")/common.sh"
file=${2:-out/depth.mkv}
mkdir -p "$(dirname "$file")"

gst-launch-1.0 filesrc location="${1:-$clip}" ! decodebin ! videoconvert \
    ! dptdepth $model "${@:3}" ! video/x-raw,format=GRAY16_LE ! avenc_ffv1 ! matroskamux ! filesink location="$file"
