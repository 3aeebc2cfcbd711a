#!/usr/bin/env bash
# Makes .venv with a Python of 3.11 or newer and installs requirements-dev.txt, again only when the requirements changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stamp=.venv/.requirements
wanted=$(cat requirements.txt requirements-dev.txt | sha256sum)

usable_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3.14 python3; do
        if "$candidate" -c "$1" >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

say() {
    printf 'venv: %s\n' "$*" >&2
}

if [[ -x .venv/bin/python && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    exit 0
fi
if ! .venv/bin/python -c '' >/dev/null 2>&1; then
    recent='import sys; sys.exit(sys.version_info < (3, 11))'
    if ! usable_python "$recent" >/dev/null; then
        say "no Python of 3.11 or newer is installed: install one (on Debian 12: apt-get install python3 python3-venv)."
        exit 1
    fi
    if ! python=$(usable_python "import ensurepip, venv; $recent"); then
        say "Python is here but cannot make virtual environments: apt-get install python3-venv."
        exit 1
    fi
    say "making .venv with $("$python" --version)."
    "$python" -m venv --clear .venv
fi
say "installing what requirements-dev.txt names."
if ! .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --requirement requirements-dev.txt; then
    say "the requirements could not be installed: a package index must be reachable, and pip's own message says which one was asked."
    exit 1
fi
printf '%s\n' "$wanted" >"$stamp"
