#!/usr/bin/env bash
# Streams a file from one process to another and compares what arrives with sha256sum.
#
#   stream.sh BIN FILE      BIN: where the programs are
#
# With `fairway ls` in mid-stream. Exit status: 0 the same, 1 different, 2 something failed.
set -u

bin=$1
file=$2

output=$(mktemp) || exit 2
sink=
trap '[ -z "$sink" ] || kill "$sink" 2>/dev/null; rm -f "$output"' EXIT
trap 'exit 130' INT TERM

"$bin/stream_sink" >"$output" &
sink=$!
"$bin/stream_source" "$file" --halfway "echo 'in mid-stream, fairway ls:' && '$bin/fairway' ls" || exit 2
wait "$sink" || exit 2
sink=
cat "$output"
if [ -n "${FAIRWAY_BROKER_PID:-}" ]; then
    awk '/^VmHWM/ { printf "broker: %d MiB of memory at most\n", $2 / 1024 }' "/proc/$FAIRWAY_BROKER_PID/status"
fi

received=$(awk '/^sha256:/ { print $2 }' "$output")
expected=$(sha256sum <"$file" | cut -d' ' -f1)
echo "sha256sum: $expected"
if [ "$received" != "$expected" ]; then
    echo "DIFFERENT: what arrived is not $file" >&2
    exit 1
fi
echo "the same"
