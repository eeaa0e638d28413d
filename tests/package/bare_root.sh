#!/usr/bin/env bash
# Installs the packages in a Debian root of their own, compiles a server and a client there, runs them, removes the
# packages, and compares the root with what it was before.
#
#   bare_root.sh TAR SERVER.cpp CLIENT.cpp PACKAGE.deb …
#
# Needs root, and an archive that apt in that root can reach. $FAIRWAY_APT_CONF: a file that apt there reads besides its own.
set -eu

tar=$1
server=$2
client=$3
shift 3
root=$(mktemp -d "${TMPDIR:-/tmp}/fairway-root-XXXXXX")
mounted=
leave()
{
    if [ -n "$mounted" ]; then umount "$root/proc"; fi
    rm -rf --one-file-system "$root"
}
trap leave EXIT
trap 'exit 130' INT TERM

tar -xf "$tar" -C "$root"
[ -x "$root/usr/bin/apt-get" ] || { echo "$0: $tar holds no Debian root" >&2; exit 2; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
mount -t proc proc "$root/proc"
mounted=yes

cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
if [ -n "${FAIRWAY_APT_CONF:-}" ]; then cp "$FAIRWAY_APT_CONF" "$root/etc/apt/apt.conf.d/99tests"; fi
mkdir "$root/packages"
cp "$@" "$root/packages/"
cp "$server" "$root/packages/greeter.cpp"
cp "$client" "$root/packages/greet.cpp"
inside apt-get -q update
# What a program needs that is to be compiled, and what our packages depend on: all that stays is ours.
dependencies=$(for package in "$@"; do dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/(.*//; s/|.*//'; done | grep -v fairway | sort -u)
inside apt-get -q -y --no-install-recommends install g++ pkg-config $dependencies

# Everything but what the package system writes about itself.
listing() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./packages -o -path ./tmp -o -path ./var/log -o -path './var/lib/dpkg/*-old' -o -path ./var/cache -o -path ./var/lib/apt \) -prune -o -printf '%p %y %m\n' | sort); }
listing >"$root/packages/before"
inside sh -c 'apt-get -q -y --no-install-recommends install /packages/*.deb'
inside sh -c 'cd /packages && for p in greeter greet; do g++ $p.cpp $(pkg-config --cflags --libs fairway) -o $p || exit 1; done'
inside sh -c 'cd /packages && export FAIRWAY_BROKER=/packages/broker && { ./greeter & server=$!; }
    trap "kill $server; wait" EXIT
    answer=$(./greet world) && echo "$answer" && [ "$answer" = "hello, world" ] && fairway ls && fairway doctor
    for table in /packages/broker/tables/*; do broker=$(readlink "$table" | cut -d/ -f3); done
    kill "$broker"; while kill -0 "$broker" 2>/dev/null; do :; done'
inside sh -c 'apt-get -q -y purge libfairway0 libfairway-dev fairway-tools'
listing >"$root/packages/after"
diff "$root/packages/before" "$root/packages/after" || { echo "$0: that is left, or missing, after the removal" >&2; exit 1; }
echo "nothing is left"
