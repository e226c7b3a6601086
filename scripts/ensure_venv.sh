#!/usr/bin/env bash
# Make `.venv` with the first Python on this machine that is new enough; leave a working one alone.
#
# `PYTHON=/path/to/python make …` names the interpreter to use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

if works .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then
    exit 0
fi

# A Python that can make environments is preferred over an earlier one in the list that cannot.
python=""
incomplete=""
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    path=$(command -v "$candidate") || continue
    works "$path" || continue
    if has_venv "$path"; then
        python=$path
        break
    fi
    incomplete=${incomplete:-$path}
done

if [ -z "$python" ] && [ -n "$incomplete" ]; then
    # Debian and Ubuntu keep this part of the standard library in a package of its own, one for each version.
    package=$("$incomplete" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if scripts/apt_install.sh "$package" && has_venv "$incomplete"; then
        python=$incomplete
    else
        echo "error: $incomplete cannot make a virtual environment; install the package $package and try again." >&2
        exit 1
    fi
fi

if [ -z "$python" ]; then
    echo "error: no Python 3.11 or newer was found; install one, or name it: PYTHON=/path/to/python make …" >&2
    exit 1
fi

echo "Making .venv with $("$python" --version)."
"$python" -m venv --clear .venv
