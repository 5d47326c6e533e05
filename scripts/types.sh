#!/bin/sh
# The web client's types, generated from the server's source: the control socket's by ts-rs, the HTTP surface's from its
# OpenAPI description by openapi-typescript.
#
#   scripts/types.sh write   puts them into web/src/lib
#   scripts/types.sh check   fails if what is in web/src/lib differs from them
set -eu
cd "$(dirname "$0")/.."
case "${1:-}" in
    write | check) ;;
    *)
        echo "usage: scripts/types.sh write|check" >&2
        exit 1
        ;;
esac

fresh=target/types
rm -rf "$fresh"
mkdir -p "$fresh"
cargo run --quiet --locked -p roomtone --example types -- "$fresh"
web/node_modules/.bin/openapi-typescript "$fresh/api/openapi.json" --output "$fresh/api/schema.d.ts" >/dev/null

if [ "$1" = write ]; then
    rm -rf web/src/lib/protocol/generated
    cp -R "$fresh/protocol/generated" web/src/lib/protocol/generated
    cp "$fresh/api/schema.d.ts" web/src/lib/api/schema.d.ts
else
    { diff -r "$fresh/protocol/generated" web/src/lib/protocol/generated &&
        diff "$fresh/api/schema.d.ts" web/src/lib/api/schema.d.ts; } >&2 || {
        echo "the web client's types are stale: run 'make types'" >&2
        exit 1
    }
fi
