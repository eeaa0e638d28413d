#!/usr/bin/env bash
# Runs a command with a broker of its own, in a directory of its own; both are gone afterwards.
#
#   with-broker.sh BIN COMMAND [ARGUMENT…]      BIN: where fairwayd is
#
# The command finds the directory in $FAIRWAY_BROKER and the broker's pid in $FAIRWAY_BROKER_PID.
# Exit status: the command's; 2 if the broker does not start, 3 if it ends badly or leaves a name behind.
set -u

[ $# -ge 2 ] || { echo "usage: $0 BIN COMMAND [ARGUMENT…]" >&2; exit 2; }
bin=$1
shift

directory=$(mktemp -d "${TMPDIR:-/tmp}/fairway-XXXXXX") || exit 2
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM

# It writes a byte to descriptor 3 when it listens; should nobody be left to end it, it leaves by itself.
exec {ready}< <(exec "$bin/fairwayd" --on-demand --idle-exit 60 --directory "$directory" 3>&1 >/dev/null </dev/null)
broker=$!
IFS= read -r -N 1 -u "$ready" _ || { echo "$0: $bin/fairwayd does not start in $directory" >&2; exit 2; }
exec {ready}<&-
trap 'kill "$broker" 2>/dev/null; wait "$broker"; rm -rf "$directory"' EXIT

FAIRWAY_BROKER=$directory FAIRWAY_BROKER_PID=$broker "$@"
status=$?

kill "$broker" 2>/dev/null
wait "$broker"
broker_status=$?
trap 'rm -rf "$directory"' EXIT
left=$(find "$directory" -mindepth 2)
if [ "$broker_status" -ne 0 ] || [ -n "$left" ] || [ -e "$directory/socket" ]; then
    echo "$0: the broker ended with $broker_status and left: ${left:-nothing}" >&2
    exit 3
fi
exit "$status"
