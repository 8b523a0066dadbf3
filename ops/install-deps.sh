#!/usr/bin/env bash
# Installs the Debian packages that a group of targets needs:
#
#   ops/install-deps.sh demo    to build and run
#   ops/install-deps.sh observe that, and what make observe needs
#   ops/install-deps.sh test    that, and what the tests need
#   ops/install-deps.sh lint    that, and what make lint needs
#
# Nothing is asked of the network while everything is there. Installing starts no service, enables none at boot and
# creates no Postgres cluster: this project runs its own private servers. Not root, or not Debian 12: says what is
# missing and how to get it, and fails.
set -euo pipefail

# package|probe: the package counts as present when dpkg has it or the probe succeeds (another version, or
# something built by hand, serves as well).
demo_packages=(
    "gcc|command -v gcc"
    "make|command -v make"
    "pkg-config|command -v pkg-config"
    "libhiredis-dev|pkg-config --exists hiredis"
    "libcurl4-openssl-dev|pkg-config --exists libcurl"
    "libjansson-dev|pkg-config --exists jansson"
    "libssl-dev|pkg-config --exists libcrypto"
    "libpq-dev|pkg-config --exists libpq"
    "libmicrohttpd-dev|pkg-config --exists libmicrohttpd"
    "nettle-dev|pkg-config --exists nettle"
    "redis-server|command -v redis-server"
    "postgresql-15|command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb'"
    "ffmpeg|command -v ffmpeg"
    "python3|command -v python3"
    "tzdata|test -e /usr/share/zoneinfo/Europe/Paris"
)
observe_packages=(
    "prometheus|command -v prometheus && command -v promtool"
)
test_packages=(
    "binutils|command -v readelf"
    "dpkg-dev|command -v dpkg-shlibdeps"
    "lintian|command -v lintian"
    "python3-yaml|/usr/bin/python3 -c 'import yaml'"
    "stunnel4|command -v stunnel4"
    "systemd|command -v systemd-analyze"
    "openssl|command -v openssl"
    "libcmocka-dev|pkg-config --exists cmocka"
    "python3-pytest|/usr/bin/python3 -c 'import pytest'"
    "python3-pytest-xdist|/usr/bin/python3 -c 'import xdist'"
    "python3-redis|/usr/bin/python3 -c 'import redis'"
    "python3-psycopg2|/usr/bin/python3 -c 'import psycopg2'"
    "python3-jsonschema|/usr/bin/python3 -c 'import jsonschema'"
    "clang|command -v clang"
    "nodejs|command -v node"
    "npm|command -v npm"
    "chromium|command -v chromium"
    "chromium-driver|command -v chromedriver"
    "python3-selenium|/usr/bin/python3 -c 'import selenium'"
    "fonts-dejavu-core|test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
    "spin|spin -V | grep '^Spin Version'"
    "libclang-rt-14-dev|compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-*.a'"
)
lint_packages=(
    "clang-format|command -v clang-format"
    "clang-tidy|command -v clang-tidy"
    "cppcheck|command -v cppcheck"
    "shellcheck|command -v shellcheck"
)

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.conf

has_package()
{
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Sets the array `missing`.
find_missing()
{
    missing=()
    local entry package probe
    for entry in "$@"; do
        package=${entry%%|*}
        probe=${entry#*|}
        has_package "$package" || eval "$probe" >/dev/null 2>&1 || missing+=("$package")
    done
}

is_debian_12()
{
    command -v apt-get >/dev/null &&
        grep -qx 'ID=debian' /etc/os-release && grep -qx 'VERSION_ID="12"' /etc/os-release
}

explain_and_fail()
{
    {
        echo "These packages are missing:"
        printf '  %s\n' "${missing[@]}"
        if is_debian_12; then
            echo "Install them as root:"
            echo "  sudo ops/install-deps.sh $group"
        elif command -v apt-get >/dev/null; then
            echo "This is not Debian 12, so nothing is installed by itself. On a relative of Debian:"
            echo "  sudo apt-get install ${missing[*]}"
            echo "(any Postgres from 13 and any Redis from 7.0 will do)"
        else
            echo "The names are those of Debian 12; install what they are called on your system,"
            echo "or run this inside a debian:12 container."
        fi
    } >&2
    exit 1
}

undo=()
undo_all()
{
    local step
    for step in "${undo[@]}"; do
        eval "$step"
    done
    undo=()
}

# Package scripts ask policy-rc.d whether they may start a service. Somebody's own policy is respected.
forbid_services()
{
    [ -e "$policy" ] && return
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    undo+=("rm -f $policy")
    chmod 755 "$policy"
}

# Only where Postgres was never installed: a setting or a cluster that exists belongs to somebody. When done, the
# file is as its package ships it.
forbid_cluster()
{
    has_package postgresql-common && return
    [ -e "$clusters" ] && return
    mkdir -p "${clusters%/*}"
    echo 'create_main_cluster = false' >"$clusters"
    # ucf manages the file: it keeps ours and puts the package's own beside it
    undo+=("if [ -e $clusters.ucf-dist ]; then mv -f $clusters.ucf-dist $clusters; else rm -f $clusters; fi")
}

install_missing()
{
    local log package new_redis=no new_prometheus=no
    log=$(mktemp)
    undo+=("rm -f $log")
    for package in "${missing[@]}"; do
        [ "$package" = redis-server ] && new_redis=yes
        [ "$package" = prometheus ] && new_prometheus=yes
    done
    echo "Installing: ${missing[*]}"
    forbid_services
    forbid_cluster
    export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
    if ! { apt-get update && apt-get install -y --no-install-recommends \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        echo "Could not install: ${missing[*]}" >&2
        exit 1
    fi
    if [ $new_redis = yes ]; then
        disable_service redis-server
    fi
    if [ $new_prometheus = yes ]; then
        disable_service prometheus
    fi
}

# Not started now, but its package wants the service at the next boot.
disable_service()
{
    if command -v systemctl >/dev/null; then
        systemctl disable "$1.service" >/dev/null 2>&1 || true
    else
        deb-systemd-helper disable "$1.service" >/dev/null 2>&1 || true
        update-rc.d "$1" disable >/dev/null 2>&1 || true
    fi
}

group=${1:-}
case $group in
demo) wanted=("${demo_packages[@]}") ;;
observe) wanted=("${demo_packages[@]}" "${observe_packages[@]}") ;;
test) wanted=("${demo_packages[@]}" "${observe_packages[@]}" "${test_packages[@]}") ;;
lint) wanted=("${demo_packages[@]}" "${observe_packages[@]}" "${test_packages[@]}" "${lint_packages[@]}") ;;
*)
    echo "usage: $0 demo|observe|test|lint" >&2
    exit 2
    ;;
esac

find_missing "${wanted[@]}"
[ ${#missing[@]} -eq 0 ] && exit 0
if ! is_debian_12 || [ "$(id -u)" -ne 0 ]; then
    explain_and_fail
fi
trap undo_all EXIT
trap 'exit 130' INT TERM HUP
install_missing
