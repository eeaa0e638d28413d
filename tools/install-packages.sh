# Sourced by the other scripts: makes sure that Debian 12's packages are there, and removes none.
#
#   install_packages build            what the build, the examples and the demo need
#   install_packages build checks     and what some of the tests run
#
# FAIRWAY_INSTALL=no: only say what is missing.

FAIRWAY_PACKAGES_build=(
    g++ cmake ninja-build ccache pkg-config openssl
    libboost1.81-dev libboost-json1.81-dev libcli11-dev libfmt-dev libncurses-dev
    libgtest-dev libbenchmark-dev libssl-dev
)
FAIRWAY_PACKAGES_checks=(
    clang-14 libclang-rt-14-dev nodejs spin strace valgrind
    zsh fish man-db mandoc python3-jsonschema
    doxygen dpkg-dev lintian libuv1-dev
)

install_packages()
{
    local group package present wanted=() missing=() privileged=()
    for group in "$@"; do
        local -n packages=FAIRWAY_PACKAGES_$group
        wanted+=("${packages[@]}")
    done

    if ! command -v dpkg-query >/dev/null; then
        echo "${0##*/}: this is not a Debian system: install what these packages hold yourself: ${wanted[*]}" >&2
        return 0
    fi
    present=$'\n'$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" libboost1.74-dev 2>/dev/null || true)$'\n'
    for package in "${wanted[@]}"; do
        [[ $present == *$'\n'"$package installed"$'\n'* ]] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    if [[ " ${missing[*]} " == *" libboost1.81-dev "* ]] &&
        [[ $present == *$'\n'"libboost1.74-dev installed"$'\n'* ]]; then
        echo "${0##*/}: Boost 1.81 is needed, and its package conflicts with libboost1.74-dev, which is installed; if nothing here needs Boost 1.74: apt-get remove libboost1.74-dev, then run this again" >&2
        return 2
    fi
    if [ "${FAIRWAY_INSTALL:-yes}" = no ]; then
        echo "${0##*/}: missing packages: ${missing[*]}; apt-get install them, or leave FAIRWAY_INSTALL unset" >&2
        return 2
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "${0##*/}: missing packages, and neither root nor sudo to install them: apt-get install ${missing[*]}" >&2
            return 2
        fi
        privileged=(sudo)
    fi

    echo "installs: ${missing[*]}"
    "${privileged[@]}" apt-get -q update &&
        "${privileged[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -q -y --no-remove --no-install-recommends install "${missing[@]}" && return 0
    echo "${0##*/}: apt-get could not install: ${missing[*]} (nothing was removed; its words are above)" >&2
    return 2
}
