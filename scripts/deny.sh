#!/bin/sh
# Licences, sources and known vulnerabilities of the dependencies (deny.toml), as far as this machine can check them.
set -eu
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
    echo "cargo-deny is not installed: licences, sources and advisories were not checked"
    exit 0
fi
cargo deny --log-level error check bans licenses sources
# The list of advisories is not in a package registry, so it cannot be fetched everywhere.
if cargo deny --log-level off fetch db >/dev/null 2>&1; then
    cargo deny --log-level error check --disable-fetch advisories
else
    echo "the list of advisories cannot be fetched from here: advisories were not checked"
fi
