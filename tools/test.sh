#!/usr/bin/env bash
# Installs what is missing, builds, runs the tests. See --help.
set -eu

usage="Usage: tools/test.sh [OPTIONS] [-- CTEST OPTIONS]

Installs the Debian packages that are missing (none is ever removed), builds with warnings as errors and runs all
tests. The second time it builds what has changed.

Options:
  --preset NAME   dev (default), release, clang, asan, tsan or fuzz: see CMakePresets.json
  --jobs N        processes that compile or test at once (default: one for each processor, 2 for tests)
  --help

Environment:
  FAIRWAY_LONG=1      the long variants of tests that have one: hours instead of minutes
  FAIRWAY_INSTALL=no  do not install packages, say which are missing

Exit codes: 0 all passed, 2 something could not be installed or is not understood, else what failed.

Example: tools/test.sh --preset asan -- -R conformance"

preset=dev
jobs=$(nproc)
test_jobs=2
while [ $# -gt 0 ]; do
    case $1 in
    --help) echo "$usage"; exit 0 ;;
    --preset) preset=${2:-}; shift ;;
    --jobs) jobs=${2:-}; test_jobs=${2:-}; shift ;;
    --) shift; break ;;
    *) echo "${0##*/}: unknown option '$1'; see --help" >&2; exit 2 ;;
    esac
    shift || { echo "${0##*/}: an option lacks its value; see --help" >&2; exit 2; }
done
case $preset in
dev | release | clang | asan | tsan | fuzz) ;;
*) echo "${0##*/}: '$preset' is not a preset; see --help" >&2; exit 2 ;;
esac
[[ $jobs =~ ^[1-9][0-9]*$ ]] || { echo "${0##*/}: --jobs: '$jobs' is not a number above 0" >&2; exit 2; }

cd "$(dirname "$0")/.."
. tools/install-packages.sh
install_packages build checks || exit 2

cmake --preset "$preset"
cmake --build --preset "$preset" --parallel "$jobs"
exec ctest --preset "$preset" --parallel "$test_jobs" "$@"
