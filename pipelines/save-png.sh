#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: one 16-bit gray PNG a frame in DIR (00000.png, 00001.png …). Relative depth has
# near = bright; metric depth is in millimetres, 0 = unknown. docs/recording.md tells more.
#
#   pipelines/save-png.sh [VIDEO [DIR [PROPERTY=VALUE...]]]
#
# Properties of dptdepth, such as the depth-scale and depth-shift that `dpt-onnx run --known` tells,
# follow the folder.

source "$(dirname "$0")/common.sh"
folder=${2:-out/png}
mkdir -p "$folder"

gst-launch-1.0 filesrc location="${1:-$clip}" ! decodebin ! videoconvert \
    ! dptdepth $model "${@:3}" ! video/x-raw,format=GRAY16_LE ! videoconvert ! video/x-raw,format=GRAY16_BE \
    ! pngenc ! multifilesink location="$folder/%05d.png"
