#!/usr/bin/env bash
# value_service, and value_request that asks it.   value.sh BIN
set -u

bin=$1
"$bin/value_service" &
service=$!
trap 'kill $service 2>/dev/null; wait $service 2>/dev/null' EXIT

expected="{ sum: 6.5, count: 3, tags: Set(2) { 'first', 'small' }, at: 1970-01-01T00:00:00.000Z }"
answer=$("$bin/value_request" 1 2 3.5) || exit 1
[ "$answer" = "$expected" ] || { printf 'expected\n%s\ngot\n%s\n' "$expected" "$answer" >&2; exit 1; }
