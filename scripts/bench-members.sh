#!/bin/sh
# The hallway, search and profiles among a hundred thousand members, on SQLite and on Postgres: target/bench/members.json.
# Postgres has the same one core as the server; the benchmark asks from another.
set -eu
cd "$(dirname "$0")/.."

cargo bench --locked -p roomtone --bench members --no-run
mkdir -p target/bench
on_one_core=
if command -v taskset >/dev/null 2>&1; then
    on_one_core="taskset -c 0"
fi
exec $on_one_core scripts/postgres.sh cargo bench --locked -p roomtone --bench members
