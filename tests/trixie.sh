#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Builds and runs the plugin against a newer GStreamer than this machine's, in a Debian of its own:
# cargo features, analytics and tensor metas, the stock onnxinference in the same process.
#
#   tests/trixie.sh          Debian 13 (trixie), GStreamer 1.26
#   tests/trixie.sh forky    the next Debian, GStreamer 1.28
#
# Needs root, apt-get and the network. The first run takes minutes and 2.5 GB below target/, where
# later ones find it: DIR=… puts the Debian elsewhere, rm -rf removes it. It is entered in a mount
# namespace that ends with its last process, so that nothing stays mounted whatever happens.

set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:-trixie}
dir=${DIR:-target/$suite}
build=$PWD/target/$suite-build
packages=(
    build-essential pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    python3-gi python3-gst-1.0 python3-numpy gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0
)

headline() { printf '\n=== %s\n' "$*"; }
fail() {
    printf 'trixie: error: %s\n' "$*" >&2
    exit 1
}

# A mount and process namespace of its own; what is mounted or started in it ends with it.
apart() { unshare --mount --propagation private --pid --fork --kill-child "$@"; }

# Runs a command in the Debian, with the repository (read-only), the build folder and Rust in it.
inside() {
    apart bash -euc '
        root=$1 repo=$2 build=$3 rust=$4 cargo=$5
        shift 5
        mkdir -p "$root"/{repo,build,rust,cargo/registry}
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --bind "$repo" "$root/repo"
        mount -o remount,ro,bind "$root/repo"
        mount --bind "$build" "$root/build"
        mount --bind "$rust" "$root/rust"
        mount --bind "$cargo/registry" "$root/cargo/registry"
        exec chroot "$root" /usr/bin/env -i -C /repo HOME=/root LANG=C.UTF-8 \
            PATH=/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
            CARGO_HOME=/cargo CARGO_TARGET_DIR=/build ORT_DISABLE_TELEMETRY=1 "$@"
    ' inside "$dir" "$PWD" "$build" "$(rustc --print sysroot)" "${CARGO_HOME:-$HOME/.cargo}" "$@"
}

# The Debian itself, from apt's own mirror where this machine is a Debian, else from the public one.
bootstrap() {
    local mirror log=$build/bootstrap.log scripts=/usr/share/debootstrap/scripts script
    command -v debootstrap >/dev/null || {
        apt-get update -q && apt-get install -q -y --no-install-recommends debootstrap
    } >"$log" 2>&1 || fail "debootstrap cannot be installed; see $log"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | sed -n 1p)
    # All newer suites are made like sid; an older debootstrap does not know their names.
    script=$scripts/$suite
    [[ -e $script ]] || script=$scripts/sid
    rm -rf --one-file-system "$dir.part"
    apart debootstrap --variant=minbase "$suite" "$dir.part" "${mirror:-http://deb.debian.org/debian}" \
        "$script" >>"$log" 2>&1 || fail "debootstrap failed; see $log"
    # How this machine reaches its mirror holds for its guest too.
    apt-config dump | grep '^Acquire::' >"$dir.part/etc/apt/apt.conf.d/90host" || true
    touch "$dir.part/.bootstrapped"
    mv "$dir.part" "$dir"
}

install_packages() {
    local log=$build/packages.log
    inside sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends "$@" && apt-get clean' \
        apt "${packages[@]}" >"$log" 2>&1 || fail "packages cannot be installed in $dir; see $log"
    printf '%s\n' "${packages[*]}" >"$dir/.packages"
}

((EUID == 0)) || fail "only root can make and enter another Debian; run it with sudo"
mkdir -p "$build"
dir=$(realpath -m "$dir")

headline "set-up"
scripts/setup.sh --tests
source target/env-tests.sh
if [[ ! -e $dir/.bootstrapped ]]; then
    [[ ! -e $dir ]] || fail "$dir is there and no Debian of this script's making; name another with DIR="
    printf 'trixie: making a Debian %s in %s\n' "$suite" "$dir"
    bootstrap
fi
if [[ "$(cat "$dir/.packages" 2>/dev/null)" != "${packages[*]}" ]]; then
    printf 'trixie: installing packages in %s\n' "$dir"
    install_packages
fi
version=$(inside pkg-config --modversion gstreamer-1.0)
features=()
for minor in 24 26 28; do
    ! inside pkg-config --atleast-version="1.$minor" gstreamer-1.0 || features+=("v1_$minor")
done
((${#features[@]})) || fail "GStreamer $version is too old for any of the features"
newest=${features[-1]}
printf 'trixie: GStreamer %s, features %s\n' "$version" "${features[*]}"

headline "default build, on this machine's GStreamer"
cargo build
cp target/debug/libgstdptdepth.so "$build/default.so"

headline "lints and build on GStreamer $version"
cargo fetch --locked
for feature in "${features[@]}"; do
    inside cargo clippy --quiet --locked --offline --lib --features "$feature" -- -D warnings
    printf 'PASS lints with %s\n' "$feature"
done
inside cargo build --quiet --locked --offline --lib --bins --features "$newest"
printf 'PASS build with %s\n' "$newest"

headline "unit tests of the metas"
inside cargo test --quiet --locked --offline --lib --features "$newest" meta::

headline "pipelines on GStreamer $version"
inside env ORT_TESTS="/repo/${ORT_DYLIB_PATH#"$PWD"/}" bash tests/trixie/run.sh "$newest"

headline "all good"
