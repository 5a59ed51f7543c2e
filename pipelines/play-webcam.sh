#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a window with your camera's picture on the left and its depth on the right.
# Frames that come while the model is busy are skipped, so what you see is always recent.
#
#   pipelines/play-webcam.sh [DEVICE]

source "$(dirname "$0")/common.sh"

gst-launch-1.0 v4l2src device="${1:-/dev/video0}" ! decodebin ! videoconvert \
    ! queue leaky=downstream max-size-buffers=1 \
    ! dptdepth $model output=side-by-side ! videoconvert ! $sink
