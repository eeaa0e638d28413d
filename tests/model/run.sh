#!/usr/bin/env bash
# Checks wake.pml in every configuration, and that each broken variant is caught.
#
#   run.sh [quick]   under two minutes and 0.4 GB
#   run.sh long      the larger configurations as well: about 25 minutes and 5 GB
#
# One line for each run: verdict, states, options. Exit status: 0 all as expected, 1 not, 2 wrong call,
# 77 nothing to check with (no spin or no C compiler).
set -u

model=$(cd "$(dirname "$0")" && pwd)/wake.pml
mode=${1:-quick}
case $mode in
quick | long) ;;
*) echo "usage: $0 [quick|long]" >&2; exit 2 ;;
esac

cc=${CC:-cc}
for tool in spin "$cc"; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap "exit 1" HUP INT PIPE TERM
cd "$work" || exit 1

surprises=0
memory_mb=2000
optimization=-O0         # compiling takes longer than a small search

line() # verdict, states, options
{
    printf '%-10s %10s  %s\n' "$1" "$2" "$3"
}

surprise() # what, options
{
    surprises=$((surprises + 1))
    line SURPRISE - "$2: $1"
    tail -n 25 out | sed 's/^/    /'
}

# Generates, compiles and runs the verifier for the options; its words go to ./out.
verify() # options
{
    rm -f pan pan.* ./*.trail
    spin -a "${@/#/-D}" "$model" >out 2>&1 || return
    "$cc" "$optimization" -w -DSAFETY -DCOLLAPSE -DMEMLIM="$memory_mb" -o pan pan.c >out 2>&1 || return
    ./pan -m10000 -w22 >out 2>&1
}

states()
{
    awk '/states, stored/ { print $1 }' out
}

# The search is complete, and found nothing.
sound() # options
{
    verify "$@"
    if ! grep -q 'errors: 0$' out; then
        surprise 'expected no error' "$*"
    elif grep -q -e 'Search not completed' -e 'max search depth too small' out; then
        surprise 'expected a complete search' "$*"
    else
        line sound "$(states)" "$*"
    fi
}

# A wake-up is lost: the run stops with somebody asleep. Any other error is as surprising as none.
broken() # options
{
    verify "$@"
    if grep -q 'invalid end state' out && grep -q 'errors: 1$' out; then
        line broken "$(states)" "$*"
    else
        surprise 'expected a lost wake-up' "$*"
    fi
}

one_port=(MESSAGES_0=2 MESSAGES_1=0)
long_port=(MESSAGES_0=3 MESSAGES_1=0)

# ---- the protocol, with each way of ordering ----
sound MEMBARRIER
sound FENCE
sound MIXED_W "${one_port[@]}"
sound MIXED_R "${one_port[@]}"
sound CHANGEOVER "${one_port[@]}"
sound WITHDRAWAL "${one_port[@]}"

# ---- the protocol, in each situation ----
sound FENCE SLOTS=1
sound FENCE ROOM_W=0 ROOM_R=0
sound MEMBARRIER UNKNOWN=1 "${one_port[@]}"
sound MEMBARRIER UNKNOWN=2 "${one_port[@]}"
sound FENCE UNKNOWN=1 "${one_port[@]}"
sound FENCE UNKNOWN=2 "${one_port[@]}"
sound MEMBARRIER IDLE=1 SPURIOUS=1 "${one_port[@]}"
sound FENCE SPURIOUS=1
sound FENCE CAPACITY=2 "${long_port[@]}"

# ---- freedoms: what an implementation may also do ----
sound FENCE SLEEP_BEFORE_ARM
sound FENCE BATCHED_HEAD CAPACITY=2 "${long_port[@]}"
sound FENCE NO_SECOND_WANT "${long_port[@]}"
sound FENCE WANT_COUNT_FIRST "${one_port[@]}"

# ---- rules: what goes wrong without each ----
for ordering in MEMBARRIER FENCE; do
    broken $ordering NO_BARRIER
    broken $ordering BARRIER_BEFORE_ARM
    broken $ordering SLEEP_AFTER_BARRIER
    broken $ordering NO_RECHECK
    broken $ordering NO_READY_RECHECK
    broken $ordering NO_WANT_RECHECK
    broken $ordering RING_BEFORE_PUSH
    broken $ordering DRAIN_BELL_LATE
done
broken FENCE NO_FENCE_AFTER_COMMIT
broken FENCE NO_FENCE_BEFORE_RING
broken FENCE NO_FENCE_AFTER_HEAD
broken UNREGISTERED_W
broken UNREGISTERED_R
broken CHANGEOVER SAID_TOO_EARLY
broken WITHDRAWAL SLEEP_WITHOUT_ACK
broken WITHDRAWAL ACK_WITHOUT_FENCE
broken WITHDRAWAL FAILED_BARRIER_COUNTS
broken FENCE NO_OVERFLOW_SCAN SLOTS=1
broken FENCE NO_OVERFLOW_SCAN ROOM_R=0
broken FENCE STALE_ANSWERED
broken FENCE STALE_ANSWERED_WANT
broken FENCE WANT_COUNT_FIRST NO_SECOND_WANT "${long_port[@]}"
broken FENCE UNKNOWN=1 UNKNOWN_IS_NOT_ARMED
broken FENCE UNKNOWN=2 UNKNOWN_IS_AWAKE
broken FENCE UNKNOWN=1 NO_LOOK_AFTER_INSTALL
broken FENCE UNKNOWN=2 INSTALL_IS_NOT_HOT

if [ "$mode" = long ]; then
    memory_mb=8000
    optimization=-O2
    for ordering in MEMBARRIER FENCE; do
        sound $ordering MESSAGES_1=2
        sound $ordering SLOTS=1 SPURIOUS=1
        sound $ordering UNKNOWN=1
        sound $ordering UNKNOWN=2
        sound $ordering IDLE=1
        sound $ordering CAPACITY=2 MESSAGES_0=3
        sound $ordering BATCHED_HEAD CAPACITY=2 MESSAGES_0=3
        sound $ordering WANT_COUNT_FIRST "${long_port[@]}"
    done
    sound MIXED_W
    sound MIXED_R
    sound MIXED_W MESSAGES_1=2
    sound MIXED_R MESSAGES_1=2
    sound MIXED_W UNKNOWN=1
    sound MIXED_R UNKNOWN=1
    sound CHANGEOVER
    sound WITHDRAWAL
fi

if [ $surprises -gt 0 ]; then
    echo "$surprises surprises"
    exit 1
fi
echo 'all as expected'
