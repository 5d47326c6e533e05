#!/bin/sh
# Starts a Postgres server of its own in a temporary folder, runs a command with its address in ROOMTONE_TEST_POSTGRES,
# stops the server and removes the folder: scripts/postgres.sh COMMAND [ARGUMENT...]
#
# The server listens on a socket in that folder only, and forgets to wait for the disk: it is for tests.
set -eu

fail() {
    echo "postgres: $*" >&2
    exit 1
}

[ $# -gt 0 ] || fail "usage: scripts/postgres.sh COMMAND [ARGUMENT...]"

# Debian keeps the server's programs apart, by version.
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
PATH=$PATH${programs:+:$programs}
command -v initdb >/dev/null 2>&1 || fail "Postgres is missing: install the package postgresql"

# The server refuses to run as root; the package brings a user for it.
as_user=
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || fail "running as root needs the user postgres, which the package postgresql makes"
    as_user="setpriv --reuid=postgres --regid=postgres --clear-groups"
fi

folder=$(mktemp -d /tmp/roomtone-postgres.XXXXXX)
stop() {
    (cd / && $as_user pg_ctl -D "$folder/data" -m immediate stop >/dev/null 2>&1) || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM
chmod 711 "$folder"
mkdir "$folder/data" "$folder/run"
[ -z "$as_user" ] || chown postgres "$folder/data" "$folder/run"

# The server's programs want to be in a folder that they may read.
start() {
    cd /
    $as_user initdb -D "$folder/data" -U roomtone -E UTF8 --locale=C.UTF-8 --auth=trust --no-sync &&
        $as_user pg_ctl -D "$folder/data" -l "$folder/run/log" -w start -o "-k $folder/run -c listen_addresses='' \
            -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=500"
}
(start) >"$folder/started" 2>&1 || {
    cat "$folder/started" >&2
    fail "the server did not start"
}

ROOMTONE_TEST_POSTGRES="postgres://roomtone@localhost/postgres?host=$folder/run" "$@"
