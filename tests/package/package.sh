#!/usr/bin/env bash
# What is built, as its users get it. One step a call:
#
#   package.sh STEP SOURCE BUILD COMPILER FOLDER
#
#   install            installs to FOLDER/prefix; find_package, pkg_config and installed look at that
#   find_package, pkg_config, add_subdirectory   a program of somebody else's is built and run, in each of the three ways
#   installed          the library and the programs as they stand there
#   debs               makes the Debian packages, and unpacks them to FOLDER/root; the last steps look at these
#   debian_packages    what they hold and need, and what lintian says if it is there
#   readme_program     the first program of README.md, compiled against the packages and run
#   bare_root          the same in a Debian 12 root of its own, by apt: needs root, and in $FAIRWAY_BARE_ROOT a tar of
#                      such a root (debootstrap), where the archive's packages can be had
#
# Exit status: 0 passed, 1 failed, 77 skipped, with the reason.
set -eu

step=$1
source=$2
build=$3
export CXX=$4
folder=$5
consumer=$source/tests/package/consumer
prefix=$folder/prefix
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
skip() { echo "skipped: $1"; exit 77; }

# The consumer, run with a directory that is its own.
run() # program
{
    local directory
    directory=$(mktemp -d "$work/XXXXXX")
    "$1" "$directory"
}

library_folder() { dirname "$(find "$1" -name libfairway.so)"; }

find_package()
{
    cmake -S "$consumer" -B "$work/build" -G Ninja -D CMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$work/build" && run "$work/build/consumer"
}

pkg_config()
{
    local flags
    flags=$(PKG_CONFIG_PATH=$library/pkgconfig pkg-config --cflags --libs fairway) &&
        "$CXX" "$consumer/consumer.cpp" $flags -Wl,-rpath,"$library" -o "$work/consumer" && run "$work/consumer"
}

# Its own objects, as small as they get: a minute of compiling otherwise.
add_subdirectory()
{
    cmake -S "$consumer" -B "$work/build" -G Ninja -D FAIRWAY="$source" -D CMAKE_CXX_FLAGS=-O0 \
        -D CMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" &&
        cmake --build "$work/build" --target consumer --parallel 2 && run "$work/build/consumer"
}

has_its_programs()
{
    local version
    version=$(PKG_CONFIG_PATH=$library/pkgconfig pkg-config --modversion fairway)
    [ "$("$prefix/bin/fairwayd" --version)" = "fairwayd $version" ] && "$prefix/bin/fairway" --version
}

has_units_that_name_its_broker() { grep -qx "ExecStart=$prefix/bin/fairwayd .*" "$prefix/lib/systemd/user/fairwayd.service"; }

units_are_understood()
{
    local words
    words=$(systemd-analyze verify --user --man=no "$prefix/lib/systemd/user/fairwayd.socket" 2>&1 | grep -F fairwayd || true)
    [ -z "$words" ] || { echo "$words"; return 1; }
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

has_a_soname() { readelf -d "$library/libfairway.so" | grep 'SONAME.*\[libfairway\.so\.0\]'; }

holds() # package, path …
{
    local package=$1 path
    shift
    for path in "$@"; do
        dpkg-deb -c "$folder"/debs/"${package}"_*.deb | grep -Eq " \./usr/$path( |\$)" || { echo "no $path"; return 1; }
    done
}
needs() { dpkg-deb -f "$folder"/debs/"$1"_*.deb Depends | grep -Eq "$2"; }

# What is left: a maintainer without an address, a first upload that closes no bug, cpack's way to call ldconfig.
known_tags='bogus-mail-host|initial-upload-closes-no-bugs|maintscript-calls-ldconfig|pkg-config-unavailable-for-cross-compilation|root privileges'
lintian_is_content()
{
    local words
    words=$(lintian --tag-display-limit 0 "$folder"/debs/*.deb 2>&1 | grep -Ev "$known_tags" || true)
    [ -z "$words" ] || { echo "$words"; return 1; }
}

# The program as it stands there, against the unpacked packages.
readme_program() { sed -n '/^```cpp$/,/^```$/p' "$source/README.md" | sed '1d;/^```$/,$d'; }
compile_and_run_readme()
{
    local root=$folder/root libraries
    readme_program >"$work/greeter.cpp"
    grep -q 'int main' "$work/greeter.cpp" || return 1
    libraries=$(library_folder "$root")
    for program in "$work/greeter.cpp" "$source/tests/examples/greet.cpp"; do
        "$CXX" "$program" $(PKG_CONFIG_PATH=$libraries/pkgconfig pkg-config --cflags --libs fairway) -Wl,-rpath,"$libraries" \
            -o "$work/$(basename "$program" .cpp)" || return 1
    done
    "$source/tools/with-broker.sh" "$root/usr/bin" "$source/tests/examples/greeter.sh" "$work"
}

case $step in
install)
    rm -rf "$prefix"
    cmake --install "$build" --prefix "$prefix" >/dev/null
    ;;
find_package | pkg_config)
    library=$(library_folder "$prefix")
    check "$step" "$step"
    ;;
add_subdirectory) check "$step" "$step" ;;
installed)
    library=$(library_folder "$prefix")
    check 'the programs are installed' has_its_programs
    check 'the units name the broker' has_units_that_name_its_broker
    if command -v systemd-analyze >/dev/null; then check 'systemd understands the units' units_are_understood; fi
    check 'the licence is installed' test -f "$prefix/share/doc/fairway/LICENSE"
    check 'the library shows only its own names' shows_only_its_own_names
    check 'the library hides its inside' hides_its_inside
    check 'the library has a SONAME' has_a_soname
    ;;
debs)
    command -v dpkg-shlibdeps >/dev/null || skip 'no dpkg-shlibdeps here (package dpkg-dev)'
    rm -rf "$folder/debs" "$folder/root"
    (cd "$build" && cpack -G DEB -B "$folder/debs" >"$work/log" 2>&1) || { cat "$work/log"; exit 1; }
    for package in "$folder"/debs/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
    ;;
debian_packages)
    [ -d "$folder/root" ] || skip 'the packages were not made'
    check 'the library' holds libfairway0 'lib/([^ ]*/)?libfairway\.so\.0' share/doc/libfairway0/copyright
    check 'the headers' holds libfairway-dev include/fairway/fairway.hpp include/fairway/asio.hpp \
        'lib/([^ ]*/)?libfairway\.so' 'lib/([^ ]*/)?pkgconfig/fairway\.pc' 'lib/([^ ]*/)?cmake/fairway/fairway-config\.cmake'
    check 'the programs' holds fairway-tools bin/fairway bin/fairwayd lib/systemd/user/fairwayd.socket lib/systemd/user/fairwayd.service
    check 'the unit names the installed broker' grep -q '^ExecStart=/usr/bin/fairwayd ' "$folder/root/usr/lib/systemd/user/fairwayd.service"
    check 'the library needs what it links' needs libfairway0 'libc6 .*libstdc\+\+6'
    check 'the headers need this very library, and Boost' needs libfairway-dev 'libfairway0 \(= [^)]*\), libboost1\.[0-9]*-dev'
    check 'the programs need what they link' needs fairway-tools 'libboost-json.*libfmt'
    if command -v lintian >/dev/null; then check 'lintian' lintian_is_content; fi
    ;;
readme_program)
    [ -d "$folder/root" ] || skip 'the packages were not made'
    check 'the program in the README' compile_and_run_readme
    ;;
bare_root)
    [ "$(id -u)" -eq 0 ] || skip 'only root can chroot'
    [ -n "${FAIRWAY_BARE_ROOT:-}" ] || skip 'FAIRWAY_BARE_ROOT names no tar of a Debian 12 root'
    readme_program >"$work/greeter.cpp"
    check 'in a bare root' "$source/tests/package/bare_root.sh" "$FAIRWAY_BARE_ROOT" "$work/greeter.cpp" \
        "$source/tests/examples/greet.cpp" "$folder"/debs/*.deb
    ;;
*) echo "$0: unknown step '$step'" >&2; exit 2 ;;
esac
exit $((failures != 0))
