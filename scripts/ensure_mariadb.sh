#!/usr/bin/env bash
# See to it that this machine has the programs of a MariaDB server. The tests start servers of their own from them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Where servers lie, beside PATH: distributions put them where an ordinary user does not look.
# tests/support/mariadb.py looks in the same places.
places=(
    /usr/sbin
    /usr/libexec
    /usr/local/sbin
    /usr/local/bin
    /usr/local/libexec
    /usr/local/mysql/bin
    /opt/homebrew/opt/mariadb/bin
)

found() {
    local search
    search=$PATH$(printf ':%s' "${places[@]}")
    PATH=$search command -v mariadbd >/dev/null && PATH=$search command -v mariadb-install-db >/dev/null
}

found && exit 0

# The two core packages are all that the tests need, and bring no service that starts by itself. Older releases have
# them under other names; there the whole server does.
scripts/apt_install.sh mariadb-server-core mariadb-client-core || scripts/apt_install.sh mariadb-server || true
found && exit 0

echo "error: the tests need a MariaDB server and found no mariadbd; install the package mariadb-server and try again." >&2
exit 1
