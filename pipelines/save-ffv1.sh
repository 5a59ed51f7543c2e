#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: FILE, a lossless Matroska video (FFV1, 16-bit gray) of the depth, near = bright.
#
#   pipelines/save-ffv1.sh [VIDEO [FILE]]

source "$(dirname "$0")/common.sh"
file=${2:-out/depth.mkv}
mkdir -p "$(dirname "$file")"

gst-launch-1.0 filesrc location="${1:-$clip}" ! decodebin ! videoconvert \
    ! dptdepth $model ! video/x-raw,format=GRAY16_LE ! avenc_ffv1 ! matroskamux ! filesink location="$file"
