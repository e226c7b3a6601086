#!/usr/bin/env bash
# Install Debian packages without a question, where this user may; else exit 1.
#
# usage: scripts/apt_install.sh PACKAGE...
#
# Says nothing when it may not install: the caller knows what the packages are for, and says so.
set -euo pipefail

command -v apt-get >/dev/null || exit 1

if [ "$(id -u)" -eq 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
else
    exit 1
fi
as_root+=(DEBIAN_FRONTEND=noninteractive)

log=$(mktemp)
trap 'rm -f "$log"' EXIT

echo "Installing $* with apt-get."
# A failed update is no reason to stop: one broken third-party source fails it, and the package may be known already.
"${as_root[@]}" apt-get update -qq >"$log" 2>&1 || true
if ! "${as_root[@]}" apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    exit 1
fi
