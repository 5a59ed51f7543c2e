#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a window with a network camera's picture on the left and its depth on the right.
# Frames that come while the model is busy are skipped, so what you see is always recent.
#
#   pipelines/play-rtsp.sh rtsp://USER:PASSWORD@CAMERA/STREAM

source "$(dirname "$0")/common.sh"
url="${1:?give the address of a camera, such as rtsp://camera.local/stream}"

gst-launch-1.0 rtspsrc location="$url" latency=200 ! application/x-rtp,media=video \
    ! decodebin ! videoconvert ! queue leaky=downstream max-size-buffers=1 \
    ! dptdepth $model output=side-by-side ! videoconvert ! $sink
