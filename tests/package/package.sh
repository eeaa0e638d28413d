#!/usr/bin/env bash
# Installs what is built to a folder of its own and uses it in the three ways that users have: find_package,
# pkg-config, add_subdirectory. Then looks at what the library shows of itself.
#
#   package.sh SOURCE BUILD COMPILER
set -eu

source=$1
build=$2
export CXX=$3
consumer=$source/tests/package/consumer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failures=0

check() # what, command …
{
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "passed: $what"
    else
        failures=$((failures + 1))
        echo "FAILED: $what: $*"
        cat "$work/log"
    fi
}

# The same program, run with a directory that is its own.
run() # program
{
    local directory
    directory=$(mktemp -d "$work/XXXXXX")
    "$1" "$directory"
}

with_find_package()
{
    cmake -S "$consumer" -B "$work/find_package" -G Ninja -D CMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$work/find_package" && run "$work/find_package/consumer"
}

with_pkg_config()
{
    local flags
    flags=$(PKG_CONFIG_PATH=$library/pkgconfig pkg-config --cflags --libs fairway) &&
        "$CXX" "$consumer/consumer.cpp" $flags -Wl,-rpath,"$library" -o "$work/with_pkg_config" && run "$work/with_pkg_config"
}

# Its own objects, as small as they get: a minute of compiling otherwise.
with_add_subdirectory()
{
    cmake -S "$consumer" -B "$work/add_subdirectory" -G Ninja -D FAIRWAY="$source" -D CMAKE_CXX_FLAGS=-O0 \
        -D CMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" &&
        cmake --build "$work/add_subdirectory" --target consumer --parallel 2 && run "$work/add_subdirectory/consumer"
}

installs_its_programs()
{
    [ "$("$prefix/bin/fairwayd" --version)" = "fairwayd $version" ]
}

shows_only_its_own_names()
{
    local others
    others=$(nm -DC --defined-only "$library/libfairway.so" | cut -d' ' -f3- | grep -Ev '^(fairway::|(vtable|typeinfo|typeinfo name) for fairway::)' || true)
    [ -z "$others" ] || { echo "$others"; return 1; }
    nm -DC --defined-only "$library/libfairway.so" | grep -q ' fairway::Context::run()'
}

hides_its_inside()
{
    ! nm -DC --defined-only "$library/libfairway.so" | grep -E ' fairway::(client|broker|route|wire|shm|sys)::'
}

has_a_soname()
{
    readelf -d "$library/libfairway.so" | grep 'SONAME.*\[libfairway\.so\.0\]'
}

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >/dev/null
library=$(dirname "$(find "$prefix" -name 'libfairway.so')")
version=$(PKG_CONFIG_PATH=$library/pkgconfig pkg-config --modversion fairway)

check 'the programs are installed' installs_its_programs
check 'the licence is installed' find "$prefix/share" -name LICENSE
check 'find_package' with_find_package
check 'pkg-config' with_pkg_config
check 'add_subdirectory' with_add_subdirectory
check 'the library shows only its own names' shows_only_its_own_names
check 'the library hides its inside' hides_its_inside
check 'the library has a SONAME' has_a_soname
exit $((failures != 0))
