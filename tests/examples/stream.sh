#!/usr/bin/env bash
# Streams a file to a port that moves from process to process meanwhile, and compares what they read with sha256sum.
#
#   stream.sh BIN FILE      BIN: where the programs are
#
# anna reads a quarter and runs on; bert sends the port on unread; clara reads half and is killed when she has let go;
# dora sends it on unread; emil reads the rest. Exit status: 0 the same, 1 different, 2 something failed.
set -u

bin=$1
file=$2

fail() { echo "${0##*/}: $*" >&2; exit 2; }

size=$(stat -L -c %s "$file") || exit 2
output=$(mktemp -d) || exit 2
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$output"' EXIT
trap 'exit 130' INT TERM

"$bin/stream_owner" anna $((size / 4)) bert &
anna=$!
"$bin/stream_owner" bert 0 clara &
exec {clara_says}< <(exec "$bin/stream_owner" clara $((size / 4 * 3)) dora)
clara=$!
"$bin/stream_owner" dora 0 emil &
"$bin/stream_owner" emil >"$output/emil" &
emil=$!
"$bin/stream_source" "$file" anna >"$output/source" &
source=$!

IFS= read -r -u "$clara_says" line && kill -KILL "$clara" || fail "clara did not let go"
echo "$line and is killed; fairway ls:"
"$bin/fairway" ls || fail "nothing to see"
wait "$emil" || fail "the last owner failed"
wait "$source" || fail "the source failed"
kill -0 "$anna" 2>/dev/null || fail "anna did not run on"
cat "$output/emil" "$output/source"
if [ -n "${FAIRWAY_BROKER_PID:-}" ]; then
    awk '/^VmHWM/ { printf "broker: %d MiB of memory at most\n", $2 / 1024 }' "/proc/$FAIRWAY_BROKER_PID/status"
fi

received=$(awk '/^sha256:/ { print $2 }' "$output/emil")
expected=$(sha256sum <"$file" | cut -d' ' -f1)
echo "sha256sum: $expected"
if [ "$received" != "$expected" ]; then
    echo "DIFFERENT: what arrived is not $file" >&2
    exit 1
fi
echo "the same"
