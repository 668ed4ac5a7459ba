#!/bin/sh
# Make .venv and install the pinned packages into it (make install).
# The optional first argument is the interpreter.
set -eu
cd "$(dirname "$0")/.."

WANTED='import sys; sys.exit(sys.version_info < (3, 11))'
CAN_MAKE_VENV='import ensurepip, venv'

say() { printf '%s\n' "$*" >&2; }

# Print the newest Python from 3.11 on. Prefer one that can make a venv without another package.
choose() {
    fallback=
    for name in ${1:-python3.14 python3.13 python3.12 python3.11 python3}; do
        command -v "$name" >/dev/null 2>&1 && "$name" -c "$WANTED" >/dev/null 2>&1 || continue
        if "$name" -c "$CAN_MAKE_VENV" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
        fallback=${fallback:-$name}
    done
    echo "$fallback"
}

# Install Python's venv, which is a separate package on Debian and Ubuntu.
add_venv() {
    package="$("$1" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")')"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        say "$1 cannot make a venv. Install it (Debian, Ubuntu: sudo apt-get install $package) and run make again."
        exit 1
    fi
    say "Installing $package, which $1 needs to make a venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq "$package" >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq "$package" >/dev/null; }
}

python="$(choose "${1:-}")"
if [ -z "$python" ]; then
    say "Python 3.11 or newer is needed${1:+, and $1 is not}. Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12"
    exit 1
fi
"$python" -c "$CAN_MAKE_VENV" >/dev/null 2>&1 || add_venv "$python"
say "Installing into .venv ($("$python" --version)), about a minute"
# --clear would empty the folder that a link leads to, which may be another checkout's
if [ -L .venv ]; then
    rm .venv
fi
"$python" -m venv --clear .venv
.venv/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --requirement requirements-dev.txt
