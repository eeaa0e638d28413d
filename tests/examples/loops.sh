#!/usr/bin/env bash
# The greeter's clients in other loops; and a supervisor.   loops.sh BIN
set -u

bin=$1
"$bin/greeter" &
greeter=$!
trap 'kill "$greeter" 2>/dev/null; wait "$greeter" 2>/dev/null' EXIT

for program in epoll_loop asio_loop libuv_loop; do
    [ -x "$bin/$program" ] || { echo "skipped: $program was not built"; continue; }
    answer=$("$bin/$program" one two three) || exit 1
    [ "$answer" = $'hello, one\nhello, two\nhello, three' ] || { echo "$program: got '$answer'" >&2; exit 1; }
done

answer=$("$bin/supervisor" 2>"$FAIRWAY_BROKER/said" | tr '\n' ' ') || exit 1
said=$(grep -c ' is gone: peer_lost$\| is gone: closed$' "$FAIRWAY_BROKER/said")
rm "$FAIRWAY_BROKER/said"
[ "$answer" = '0 1 2 0 1 2 0 1 2 0 ' ] && [ "$said" -ge 3 ] || { echo "supervisor: got '$answer', $said ends" >&2; exit 1; }
