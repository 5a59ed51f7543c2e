#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Ten thousand random state changes, seeks, flushes, caps changes and more, with a watchdog; says
# what memory and threads it takes on the way. A failure prints the steps that led to it.
#
#   scripts/stress.sh [STEPS [SEED]]

set -euo pipefail
cd "$(dirname "$0")/.."

source target/env-tests.sh
export DPTDEPTH_STRESS_STEPS=${1:-10000} DPTDEPTH_STRESS_SEED=${2:-$RANDOM}
echo "seed $DPTDEPTH_STRESS_SEED"
exec nice -n 5 cargo test --quiet --test integration stress
