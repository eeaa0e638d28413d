#!/usr/bin/env bash
# spawn_parent and the worker that it starts.   spawn.sh BIN
set -u

bin=$1
expected='1:
360: 2 2 2 3 3 5
1000003: 1000003'
answer=$("$bin/spawn_parent" "$bin/spawn_child" 1 360 1000003) || exit 1
[ "$answer" = "$expected" ] || { printf 'expected\n%s\ngot\n%s\n' "$expected" "$answer" >&2; exit 1; }

line=$("$bin/spawn_parent" "$bin/no_such_worker" 1 2>&1)
[ $? -eq 2 ] && [ "$(wc -l <<<"$line")" -eq 1 ] && [[ $line == *no_such_worker* ]] ||
    { echo "not one clear line for a program that is missing: $line" >&2; exit 1; }
line=$("$bin/spawn_parent" /bin/true 1 2>&1)
[ $? -eq 2 ] && [ "$line" = 'spawn_parent: the worker is gone: peer_lost' ] ||
    { echo "not one clear line for a worker that leaves: $line" >&2; exit 1; }
line=$("$bin/spawn_child" 2>&1)
[ $? -eq 2 ] && [ "$(wc -l <<<"$line")" -eq 1 ] || { echo "not one clear line without a parent: $line" >&2; exit 1; }
