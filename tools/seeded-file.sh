#!/usr/bin/env bash
# Makes a file of random bytes that is the same every time, unless it is there already.
#
#   seeded-file.sh BYTES FILE
set -eu

bytes=$1
file=$2
[ "$(stat -c %s "$file" 2>/dev/null)" != "$bytes" ] || exit 0
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
head -c "$bytes" /dev/zero | openssl enc -aes-256-ctr -K "$key" -iv 00000000000000000000000000000000 -out "$file.part.$$"
mv "$file.part.$$" "$file"  # two may make it at once
