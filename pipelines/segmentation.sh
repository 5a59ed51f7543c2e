#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a window with the video, every class (wall, road, person, tree …) tinted in its own colour.
# Needs a segmentation checkpoint, such as the folder of Intel/dpt-large-ade; the README says how to get it.
#
#   pipelines/segmentation.sh MODEL [VIDEO]

source "$(dirname "$0")/common.sh"
segmenter="${1:?give a segmentation checkpoint, such as the folder dpt-large-ade/}"

gst-launch-1.0 filesrc location="${2:-$clip}" ! decodebin ! videoconvert \
    ! dptdepth model-file="$segmenter" output=overlay alpha=0.6 ! videoconvert ! $sink
