#!/usr/bin/env bash
# Follows the README's "Quick start" on a bare Debian 12 made with debootstrap: from the clone to a video of one's own that is found
# in the console. Prints what was typed and what came; called by `make newcomer`.
#
#   DEBIAN_MIRROR=url   where debootstrap fetches from
#
# Needs root, debootstrap and the mirror. The root lies in .run/newcomer; it has its own mounts and processes, which end with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
root=.run/newcomer

if ! command -v debootstrap >/dev/null; then
    echo "debootstrap is not installed: apt-get install debootstrap" >&2
    exit 1
fi
if [ ! -e "$root.base" ]; then
    echo "making a bare Debian 12"
    rm -rf "$root.new"
    mkdir -p "$root.new"
    debootstrap --variant=minbase bookworm "$root.new" "$mirror" >"$root.log" 2>&1 || {
        tail "$root.log" >&2
        exit 1
    }
    mv "$root.new" "$root.base" # whole or not at all
fi
rm -rf "$root"
cp -a "$root.base" "$root"
trap 'rm -rf "$root"' EXIT
git clone -q --bare . "$root/src"
cp /etc/resolv.conf "$root/etc/"
cp tests/deploy/newcomer_types.sh "$root/srv"

# what the README's first block says, but for the tests and the end
awk '/^```/ { block++; next } block == 1 && /^make / { print $1, $2 } block > 1 { exit }' README.md |
    grep -vE 'make (test|down)' >"$root/srv/commands"
[ -s "$root/srv/commands" ]

# shellcheck disable=SC2016 # expanded inside
unshare --mount --pid --fork --kill-child bash -c '
    set -euo pipefail
    mount -t proc proc "$1/proc"
    mount -t sysfs -o ro sys "$1/sys"
    mount --rbind /dev "$1/dev"
    exec env -i HOME=/srv TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$1" bash /srv/newcomer_types.sh' \
    newcomer "$root"
