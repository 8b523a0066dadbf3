#!/bin/sh
# Makes a Debian package of what is built: build.sh VERSION OUTPUT_FOLDER. Called by `make deb`.
#
# DEB_MAINTAINER="Name <address>" is who answers for it. The dependencies are those that dpkg-shlibdeps reads from the binaries, and ffmpeg.
set -eu
umask 022

version=$1
out=$2
maintainer=${DEB_MAINTAINER:-Chronos <chronos@chronos.example>}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/DEBIAN" "$work/debian" "$root/etc/chronos" "$out"

make -s -C "$here/../.." install DESTDIR="$root" PREFIX=/usr UNITDIR=/lib/systemd/system ZSHDIR=/usr/share/zsh/vendor-completions
strip --strip-unneeded "$root"/usr/bin/chronos*
install -m 644 "$here/chronos.env" "$root/etc/chronos/chronos.env"
echo /etc/chronos/chronos.env >"$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
install -m 644 "$here/copyright" "$root/usr/share/doc/chronos/copyright"
printf 'chronos (%s) bookworm; urgency=medium\n\n  * Built from source.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")" | gzip -9n >"$root/usr/share/doc/chronos/changelog.gz"
gzip -9n "$root"/usr/share/man/man[18]/*

touch "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info "$root"/usr/bin/chronos* 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "build.sh: dpkg-shlibdeps found no dependency" >&2; exit 1; }
cat >"$root/DEBIAN/control" <<CONTROL
Package: chronos
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends, adduser, tzdata
Recommends: ffmpeg, postgresql-client
Suggests: redis-server (>= 5:7.0), postgresql (>= 15)
Section: net
Priority: optional
Description: background-job engine on Redis Streams and Postgres
 Durable functions made of retryable steps: a pool of workers fed by Redis
 Streams, schedulers that decide inside Redis, and Postgres for everything
 that must outlive Redis. With the functions of Chronos, a video-learning
 platform.
CONTROL
(cd "$root" && find . -type f -not -path './DEBIAN/*' -not -path './etc/*' -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$root" "$out" >/dev/null
echo "$out/chronos_${version}_$(dpkg --print-architecture).deb"
