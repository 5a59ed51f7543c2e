#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Checks on a machine with an NVIDIA GPU what no other machine can show, and writes one report. Asks for
# nothing, needs no network, takes about ten minutes; what there was no time for is in the report.
#
#   tests/gpu.sh [--provider NAME]… [--runtime LIBRARY] [--checks FILE --plugin FILE] [--python FILE]
#                [--report FILE] [--seconds N]
#
#   --provider NAME    cuda, tensorrt, openvino or cpu; cuda and tensorrt if left out
#   --runtime LIBRARY  ONNX Runtime with that provider, such as libonnxruntime.so.* of the onnxruntime-gpu
#                      wheel; found as the plugin finds it if left out (ORT_DYLIB_PATH, the system's)
#   --checks FILE      the checks, built elsewhere: what `cargo test --no-run --test gpu` names
#   --plugin FILE      libgstdptdepth.so, built elsewhere; with both nothing is built here
#   --python FILE      interpreter whose torch, transformers and onnxruntime are measured beside ours;
#                      python3 if left out, and what it lacks is said
#   --report FILE      where the report goes; gpu-report.md if left out
#   --seconds N        time in which checks begin, for all providers together; 270 if left out
#
# Exits with 0 if no check has failed. What could not be checked is in the report, with the reason.

set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() { sed -n '5,24s/^# \{0,1\}//p' "$root/tests/gpu.sh"; }
fail() {
    printf 'gpu: error: %s\n' "$*" >&2
    exit 2
}

providers=() runtime='' checks='' plugin='' python=python3 report=gpu-report.md seconds=270
while (($#)); do
    case $1 in
        -h | --help) usage && exit ;;
        --provider | --runtime | --checks | --plugin | --python | --report | --seconds)
            (($# > 1)) || fail "$1 needs a value"
            case $1 in
                --provider) providers+=("$2") ;;
                *) printf -v "${1#--}" '%s' "$2" ;;
            esac
            shift 2
            ;;
        *) fail "unknown argument $1; --help lists them" ;;
    esac
done
((${#providers[@]})) || providers=(cuda tensorrt)
[[ $seconds =~ ^[0-9]+$ ]] || fail "--seconds takes a number, not $seconds"
for file in "$runtime" "$checks" "$plugin"; do
    [[ -z $file || -f $file ]] || fail "there is no file $file"
done

if [[ -z $checks ]]; then
    command -v cargo >/dev/null || fail "there is no cargo; build elsewhere and give --checks and --plugin"
    checks=$(cd "$root" && cargo test --quiet --no-run --test gpu --message-format=json |
        sed -n 's/.*"name":"gpu".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    [[ -x $checks ]] || fail "the checks could not be built"
fi
if [[ -z $plugin ]] && command -v cargo >/dev/null; then
    (cd "$root" && cargo build --quiet --lib) && plugin=$root/target/debug/libgstdptdepth.so
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
arguments=(--data "$root/tests/data")
if [[ -n $runtime ]]; then
    arguments+=(--runtime "$runtime")
    export ORT_DYLIB_PATH=$runtime
fi

failed=0
echo "=== checks"
# TensorFloat-32 rounds to ten bits. CUDA's provider is told by its option; TensorRT has none.
[[ " ${providers[*]} " == *" tensorrt "* ]] && tf32=(env NVIDIA_TF32_OVERRIDE=0) || tf32=()
"${tf32[@]}" timeout $((seconds + 120)) "$checks" "${arguments[@]}" "${providers[@]/#/--provider=}" --seconds "$seconds" \
    --frames 2000 --report "$scratch/checks.md" || { code=$? && failed=1; }
if [[ -s $scratch/checks.md ]]; then
    cat "$scratch/checks.md" >"$report" || fail "cannot write $report"
    if ((${code:-0} > 1)); then
        printf '\nThe checks were stopped: %s. The rest was not run.\n' \
            "$([[ $code == 124 ]] && echo "the time was up" || echo "exit status $code")" >>"$report"
    fi
else
    printf '# dptdepth on this machine\n\nThe checks have ended without a report.\n' >"$report" ||
        fail "cannot write $report"
    failed=1
fi

echo "=== a live pipeline"
printf '\n## A live pipeline\n\n| provider | result |\n|---|---|\n' >>"$report"
for provider in "${providers[@]}"; do
    if ! command -v gst-launch-1.0 >/dev/null; then
        result="not checked: there is no gst-launch-1.0"
    elif [[ -z $plugin ]]; then
        result="not checked: no plugin is given"
    else
        play() {
            GST_PLUGIN_PATH=$(dirname "$plugin") GST_REGISTRY=$scratch/registry XDG_CACHE_HOME=$scratch/cache \
                timeout 150 gst-launch-1.0 -m videotestsrc "$@" ! \
                video/x-raw,format=NV12,width=1280,height=720,framerate=30/1 ! \
                dptdepth execution-provider="$provider" alignment=strict stats-interval=200000000 ! \
                fakesink sync=true >"$scratch/live.log" 2>&1
        }
        # TensorRT builds its engine first, which is not what a camera would wait for.
        [[ $provider != tensorrt ]] || play num-buffers=1
        play is-live=true num-buffers=300
        code=$?
        value() { sed -n "s/.* $1=([a-z0-9]*)\([^,;]*\).*/\1/p" <<<"${2:-$last}"; }
        milliseconds() { awk -v ns="$(value "$1")" 'BEGIN { printf "%.1f ms", ns / 1e6 }'; }
        # The first half is for opening the model: frames that come meanwhile are lost.
        half='' last=''
        while read -r stats; do
            last=$stats
            [[ -n $half ]] || (($(value frames-in) < 150)) || half=$stats
        done < <(grep -o 'application/x-dptdepth-stats.*' "$scratch/live.log")
        if ((code != 0)) || [[ -z $half ]]; then
            result="FAILED: $(grep -m 1 ERROR "$scratch/live.log" || echo "exit status $code")"
            failed=1
        else
            come=$(($(value frames-in) - $(value frames-in "$half")))
            inferred=$(($(value frames-inferred) - $(value frames-inferred "$half")))
            dropped=$(($(value frames-dropped) - $(value frames-dropped "$half")))
            result="of the last $come frames $inferred inferred and $dropped dropped, run by $(value provider);"
            result+=" inference $(milliseconds inference-p50), latency $(milliseconds latency-p50),"
            result+=" for 95 % at most $(milliseconds latency-p95)"
            if [[ $(value provider) != "$provider" ]]; then
                result="FAILED: $result"
                failed=1
            elif ((dropped > 0 || inferred + 3 < come)); then
                # That is for a GPU; a CPU may be too slow.
                case $provider in
                    cuda | tensorrt) result="FAILED: $result" failed=1 ;;
                    *) result="too slow for 30 frames a second: $result" ;;
                esac
            fi
        fi
    fi
    printf '%s: %s\n' "$provider" "$result"
    printf '| %s | %s |\n' "$provider" "$result" >>"$report"
done

echo "=== times"
{
    printf '\n## Times\n\nPublished shapes with random weights, a picture in memory to a map in memory.\n'
    for provider in "${providers[@]}"; do
        printf '\n### %s\n\n' "$provider"
        timeout 150 "$checks" "${arguments[@]}" --provider "$provider" --seconds 60 \
            --published "$root/tests/gpu/published" --scratch "$scratch/checkpoints" times 2>&1 |
            awk '!seen[$0]++ { print "    " $0 }'
    done
} >>"$report"
device=cuda
[[ " ${providers[*]} " == *" cuda "* || " ${providers[*]} " == *" tensorrt "* ]] || device=cpu
printf '\n### Beside them\n\n| checkpoint | | a picture |\n|---|---|---:|\n' >>"$report"
if "$python" -c 'import torch, transformers, numpy' 2>/dev/null; then
    HF_HUB_OFFLINE=1 timeout 100 "$python" "$root/tests/gpu/peers.py" "$scratch/checkpoints" --device "$device" \
        2>"$scratch/peers.log" >>"$report" || echo "| the rest | not measured: the time was up | |" >>"$report"
else
    echo "| all | not measured: $python has no torch, transformers and numpy | |" >>"$report"
fi

echo "=== report: $report"
exit "$failed"
