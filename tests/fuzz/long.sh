#!/bin/sh
# The long mode: every libFuzzer target that is built in BUILD (preset "fuzz"), one after the other, SECONDS each, on one
# core. Prints the executions of each; what it found is left in BUILD/tests/fuzz/found/TARGET, and ends the run with 1.
#   tests/fuzz/long.sh BUILD SECONDS [TARGET…]
set -u
[ $# -ge 2 ] || { echo "usage: $0 BUILD SECONDS [TARGET...]" >&2; exit 2; }
build=$(cd "$1" && pwd) seconds=$2
corpus=$(cd "$(dirname "$0")" && pwd)/corpus
shift 2
[ $# -gt 0 ] || set -- $(cd "$build/bin" && ls | grep '_fuzz$')
failed=0
for target in "$@"; do
  found=$build/tests/fuzz/found/$target
  log=$found.log
  mkdir -p "$found"
  if (cd "$found" && "$build/bin/$target" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=3000 -print_final_stats=1 \
      -verbosity=1 "$found" "$corpus/$target") > "$log" 2>&1; then
    result=clean
  else
    result="FAILED, see $log" failed=1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  [ -n "$runs" ] || runs=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -1)
  echo "$target ${runs:-0} executions in $seconds s: $result"
done
exit $failed
