#!/bin/sh
# Serves from target/demo, with a room in which bots talk and listen. Ctrl-C ends both.
#
#   scripts/demo.sh ADDR:PORT
set -eu
cd "$(dirname "$0")/.."
listen=${1:?usage: scripts/demo.sh ADDR:PORT}
data=target/demo
mkdir -p "$data"

pipe=$data/output
rm -f "$pipe"
mkfifo "$pipe"
target/release/roomtone serve --listen "$listen" --data "$data" >"$pipe" 2>&1 &
server=$!
bots=
trap 'kill $server $bots 2>/dev/null || true; rm -f "$pipe"' EXIT
trap 'exit 0' INT TERM

# Passes on what the server prints, its owner link too, and brings the bots when it is ready. Ends with the server.
while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
        *"listening on "*)
            target/release/crowd room --server "http://$listen" --data "$data" --talkers 3 --listeners 12 \
                --seconds 86400 &
            bots=$!
            ;;
    esac
done <"$pipe"
