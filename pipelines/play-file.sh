#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a window with the video on the left and its depth on the right, near = bright.
#
#   pipelines/play-file.sh [VIDEO]

source "$(dirname "$0")/common.sh"

gst-launch-1.0 filesrc location="${1:-$clip}" ! decodebin ! videoconvert \
    ! dptdepth $model output=side-by-side ! videoconvert ! $sink
