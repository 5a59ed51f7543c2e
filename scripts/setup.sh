#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Brings a Debian 12/13 or Ubuntu 24.04 machine to where dptdepth can be built, run and tested:
# distribution packages, Rust, ONNX Runtime. Does only what is missing; run it as often as you like.
#
#   scripts/setup.sh           for pipelines/demo.sh; writes target/env.sh
#   scripts/setup.sh --tests   for tests/run.sh too; writes target/env-tests.sh as well

set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(
    build-essential pkg-config ca-certificates curl git
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
    python3 python3-pip python3-gi python3-gst-1.0
)

# wheel name, version, platform tag, SHA-256
RUNTIME_CPU_X86_64=(onnxruntime 1.32.0 manylinux_2_28_x86_64
    5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d)
RUNTIME_CPU_AARCH64=(onnxruntime 1.32.0 manylinux_2_28_aarch64
    2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c)
RUNTIME_OPENVINO=(onnxruntime-openvino 1.24.1 manylinux_2_28_x86_64
    3007c803634cc69c6d52af1dea7ce729d9bb62b9a11070fd2f959119199007a8)
RUNTIME_OLD_X86_64=(onnxruntime 1.20.1 manylinux_2_28_x86_64
    5eec64c0269dcdb8d9a9a53dc4d64f87b9e0c19801d9321246a53b7eb5a7d1bc)

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}

install_packages() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
        fail "this script installs with apt-get, which is not here; install by other means: ${PACKAGES[*]}"
    local package missing=() as_root=()
    for package in "${PACKAGES[@]}"; do
        [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
            missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then
        say "packages: all installed"
        return
    fi
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            fail "neither root nor sudo; have an administrator run: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "packages: installing ${missing[*]}"
    local log=target/setup-apt.log
    {
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
                --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "apt-get failed; the whole log is in $log"
    }
}

rust_is_recent() {
    local have
    have=$(cargo --version 2>/dev/null | cut -d' ' -f2) && [[ -n "$have" ]] &&
        printf '%s\n%s\n' "$1" "$have" | sort -V -C
}

install_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    if ! rust_is_recent "$wanted"; then
        say "Rust: installing with rustup ($wanted or newer is needed)"
        if command -v rustup >/dev/null; then
            rustup -q toolchain install stable --profile minimal >/dev/null
            # Here only: the user's default toolchain stays what it is.
            export RUSTUP_TOOLCHAIN=stable
        else
            # The script that rustup's own site hands out, without the redirection.
            curl --proto '=https' --tlsv1.2 -sSf https://static.rust-lang.org/rustup/rustup-init.sh |
                sh -s -- -q -y --no-modify-path --profile minimal --default-toolchain stable >/dev/null ||
                fail "rustup could not be installed; is the network there?"
        fi
        hash -r
        rust_is_recent "$wanted" ||
            fail "$(command -v cargo) is older than Rust $wanted; remove it or put $HOME/.cargo/bin first in PATH"
    fi
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        command -v rustup >/dev/null || fail "cargo has no fmt or clippy; install rustfmt and clippy"
        rustup -q component add rustfmt clippy >/dev/null
    fi
    say "Rust: $(cargo --version)"
}

# Unpacks a wheel's shared libraries and notices into target/onnxruntime/NAME-VERSION.
fetch_runtime() {
    local name=$1 version=$2 platform=$3 sha256=$4
    local folder="target/onnxruntime/$name-$version"
    if [[ "$(cat "$folder/wheel.sha256" 2>/dev/null)" == "$sha256" ]]; then
        say "ONNX Runtime: $name $version is there"
        return
    fi
    say "ONNX Runtime: fetching the wheel $name $version"
    mkdir -p target/onnxruntime
    # Not local: the trap below runs after this function has ended.
    scratch=$(mktemp -d -p target/onnxruntime)
    trap 'rm -rf "$scratch"' EXIT
    /usr/bin/python3 -m pip --disable-pip-version-check download -q --no-deps --only-binary=:all: \
        --platform "$platform" --python-version 3.11 --implementation cp --abi cp311 \
        --dest "$scratch" "$name==$version" ||
        fail "pip could not download $name $version; is the network there?"
    local wheel
    wheel=$(find "$scratch" -name '*.whl')
    sha256sum --status -c <<<"$sha256  $wheel" ||
        fail "$name $version is not the pinned file: SHA-256 $(sha256sum "$wheel" | cut -d' ' -f1), not $sha256"
    /usr/bin/python3 - "$wheel" "$scratch/unpacked" <<'PYTHON'
import pathlib, re, sys, zipfile

wheel, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir()
wanted = re.compile(r"onnxruntime/capi/lib[^/]+\.so[.0-9]*|onnxruntime/(LICENSE|ThirdPartyNotices\.txt|Privacy\.md)")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if wanted.fullmatch(name):
            (folder / pathlib.PurePosixPath(name).name).write_bytes(archive.read(name))
PYTHON
    [[ -f "$scratch/unpacked/libonnxruntime.so.$version" ]] ||
        fail "$name $version holds no libonnxruntime.so.$version"
    printf '%s\n' "$sha256" >"$scratch/unpacked/wheel.sha256"
    rm -rf "$folder"
    mv "$scratch/unpacked" "$folder"
    rm -rf "$scratch"
}

# Puts a real Triton server, its client and ONNX Runtime for Python into target/triton.
fetch_triton() {
    local folder=target/triton python wanted
    python=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    wanted="$python $(sha256sum <tests/triton/requirements.txt)"
    case "$python" in
        3.11 | 3.12) ;;
        *)
            say "Triton: the server of nvidia-pytriton needs Python 3.11 or 3.12, not $python; the tests named triton will fail"
            return
            ;;
    esac
    if [[ "$(cat "$folder/installed" 2>/dev/null)" == "$wanted" ]]; then
        say "Triton: the wheels of tests/triton/requirements.txt are there"
        return
    fi
    say "Triton: fetching the wheels of tests/triton/requirements.txt"
    rm -rf "$folder"
    mkdir -p "$folder/backends/python"
    PIP_ROOT_USER_ACTION=ignore /usr/bin/python3 -m pip --disable-pip-version-check install -q --no-deps \
        --require-hashes --only-binary=:all: --target "$folder/site" -r tests/triton/requirements.txt ||
        fail "pip could not install tests/triton/requirements.txt; is the network there?"
    local server="$folder/site/pytriton/tritonserver"
    cp "$server"/backends/python/{libtriton_python.so,triton_python_backend_utils.py} \
        "$server/python_backend_stubs/$python/triton_python_backend_stub" "$folder/backends/python/"
    ln -s ../../../tests/triton/onnxruntime "$folder/backends/onnxruntime"
    printf '%s\n' "$wanted" >"$folder/installed"
}

# The path of a runtime's library, for an env file.
library() { printf '%s/target/onnxruntime/%s-%s/libonnxruntime.so.%s' "$PWD" "$1" "$2" "$2"; }

write_env() {
    local file=$1 profile=$2 runtime=$3
    shift 3
    {
        printf '# Written by scripts/setup.sh. Use: source %s\n' "$file"
        printf 'export ORT_DISABLE_TELEMETRY=1\n'
        printf 'export ORT_DYLIB_PATH=%q\n' "$runtime"
        printf 'export GST_PLUGIN_PATH=%q${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}\n' "$PWD/target/$profile"
        printf 'export PATH=%q:%q:$PATH\n' "$PWD/target/$profile" "${CARGO_HOME:-$HOME/.cargo}/bin"
        if [[ -n ${RUSTUP_TOOLCHAIN:-} ]]; then printf 'export RUSTUP_TOOLCHAIN=%q\n' "$RUSTUP_TOOLCHAIN"; fi
        if (($#)); then printf 'export %q\n' "$@"; fi
    } >"$file"
    say "wrote $file"
}

tests=no
case "${1:-}" in
    "") ;;
    --tests) tests=yes ;;
    -h | --help)
        sed -n '5,9s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "unknown option $1; see scripts/setup.sh --help" ;;
esac

mkdir -p target
install_packages
install_rust
case "$(uname -m)" in
    x86_64)
        # For the default model the OpenVINO provider is faster than the CPU provider.
        fetch_runtime "${RUNTIME_OPENVINO[@]}"
        write_env target/env.sh release "$(library "${RUNTIME_OPENVINO[@]}")"
        if [[ $tests == yes ]]; then
            fetch_runtime "${RUNTIME_CPU_X86_64[@]}"
            fetch_runtime "${RUNTIME_OLD_X86_64[@]}"
            fetch_triton
            write_env target/env-tests.sh debug "$(library "${RUNTIME_CPU_X86_64[@]}")" \
                "DPTDEPTH_TEST_TRITON=$PWD/target/triton" \
                "DPTDEPTH_TEST_ORT_OPENVINO=$(library "${RUNTIME_OPENVINO[@]}")" \
                "DPTDEPTH_TEST_ORT_OLD=$(library "${RUNTIME_OLD_X86_64[@]}")"
        fi
        ;;
    aarch64)
        fetch_runtime "${RUNTIME_CPU_AARCH64[@]}"
        write_env target/env.sh release "$(library "${RUNTIME_CPU_AARCH64[@]}")"
        if [[ $tests == yes ]]; then
            write_env target/env-tests.sh debug "$(library "${RUNTIME_CPU_AARCH64[@]}")"
        fi
        ;;
    *) fail "no ONNX Runtime wheel is pinned for $(uname -m); install ONNX Runtime 1.21 or newer and set ORT_DYLIB_PATH" ;;
esac
