#!/usr/bin/env bash
# Streams a file through Fairway to a port that moves from process to process, and compares what arrives. See --help.
set -eu

usage="Usage: tools/demo.sh [FILE]

Installs the Debian packages that are missing (none is ever removed), builds, and streams FILE (default: 512 MiB of
random bytes with a fixed seed) in messages of mixed sizes. The port that it arrives at moves in mid-stream, four times,
over five processes; two of them send it on unread, one is killed when it has let go, and the source never pauses.
The programs are in tests/examples. Prints who owned the port from which byte to which, 'fairway ls' after the kill, the
throughput before and during the moves, one SHA-256 over all owners, and what sha256sum says of FILE.

Environment:
  FAIRWAY_INSTALL=no  do not install packages, say which are missing

Exit codes: 0 the same, 1 different, 2 something failed.

Example: tools/demo.sh ~/film.mkv"

case ${1:-} in
--help) echo "$usage"; exit 0 ;;
-*) echo "${0##*/}: unknown option '$1'; see --help" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "${0##*/}: one file at the most; see --help" >&2; exit 2; }
if [ $# -eq 1 ]; then
    { [ -f "$1" ] && [ -r "$1" ]; } || { echo "${0##*/}: '$1' is not a file that can be read" >&2; exit 2; }
    file=$(realpath "$1")
fi

cd "$(dirname "$0")/.."
. tools/install-packages.sh
install_packages build || exit 2

log=$(mktemp)
trap 'rm -f "$log"' EXIT
build()
{
    cmake --preset release -D FAIRWAY_WERROR=OFF &&
        cmake --build --preset release --target fairwayd fairway_inspector stream_source stream_owner
}
echo "builds (preset release) …"
build >"$log" 2>&1 || { cat "$log"; echo "${0##*/}: the build failed" >&2; exit 2; }

if [ -z "${file:-}" ]; then
    file=$PWD/build/release/demo.bin
    tools/seeded-file.sh $((512 << 20)) "$file" || { echo "${0##*/}: cannot make $file" >&2; exit 2; }
fi

bin=$PWD/build/release/bin
status=0
tools/with-broker.sh "$bin" tests/examples/stream.sh "$bin" "$file" || status=$?
[ "$status" -le 1 ] || status=2
exit "$status"
