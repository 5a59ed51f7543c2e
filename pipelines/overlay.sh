#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a window with the video, tinted by its depth: red is near, blue is far.
#
#   pipelines/overlay.sh [VIDEO]

source "$(dirname "$0")/common.sh"

gst-launch-1.0 filesrc location="${1:-$clip}" ! decodebin ! videoconvert \
    ! dptdepth $model output=overlay colormap=turbo alpha=0.6 ! videoconvert ! $sink
