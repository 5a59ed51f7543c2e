#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a window with the video, every class (ground, person, tree …) tinted in its own colour, by the small model
# inside the plugin, or by a segmentation checkpoint such as the folder of Intel/dpt-large-ade (README: Real checkpoints).
#
#   pipelines/segmentation.sh [VIDEO [MODEL]]

source "$(dirname "$0")/common.sh"
segmenter="${2:-dptdepth-segmentation}"

gst-launch-1.0 filesrc location="${1:-$clip}" ! decodebin ! videoconvert \
    ! dptdepth model-file="$segmenter" output=overlay alpha=0.6 ! videoconvert ! $sink
