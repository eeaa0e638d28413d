#!/usr/bin/env bash
# greeter and greet, as two programs.   greeter.sh BIN
set -u

bin=$1
"$bin/greeter" &
greeter=$!
trap 'kill "$greeter" 2>/dev/null; wait "$greeter" 2>/dev/null' EXIT

for name in world Grüße; do
    answer=$("$bin/greet" "$name") || exit 1
    [ "$answer" = "hello, $name" ] || { echo "expected 'hello, $name', got '$answer'" >&2; exit 1; }
done
"$bin/greet" 2>&1 | grep -qx 'greet: usage: greet NAME' || { echo "no clear line for a missing name" >&2; exit 1; }
