# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# What the scripts of this folder share; they source it.
#
#   DPTDEPTH_SINK    where the picture goes instead of autovideosink, such as fakesink
#   DPTDEPTH_MODEL   a checkpoint folder, .safetensors or .onnx file instead of the embedded model

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# What scripts/setup.sh wrote; an installed plugin and ONNX Runtime need none of it.
if [[ -f $here/../target/env.sh ]]; then source "$here/../target/env.sh"; fi

clip=$here/media/big-buck-bunny.mp4
sink=${DPTDEPTH_SINK:-autovideosink}
model=${DPTDEPTH_MODEL:+model-file=$DPTDEPTH_MODEL}
