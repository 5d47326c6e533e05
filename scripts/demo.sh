#!/bin/sh
# Serves a living example: three rooms in which people talk, a few hundred who listen, and a link to come in by. Ctrl-C
# ends it. What it remembers is in FOLDER, so that the next start is quicker and everybody is who they were.
#
#   scripts/demo.sh ADDR:PORT [FOLDER]
set -eu
cd "$(dirname "$0")/.."
listen=${1:?usage: scripts/demo.sh ADDR:PORT [FOLDER]}
data=${2:-target/demo}
mkdir -p "$data"

pipe=$data/output
rm -f "$pipe"
mkfifo "$pipe"
# Media on any free port, so that another server on this machine is not in the way.
RUST_LOG=${RUST_LOG:-warn} target/release/roomtone serve --listen "$listen" --media 0.0.0.0:0 --data "$data" \
    >"$pipe" 2>&1 &
server=$!
people=
trap 'kill $people $server 2>/dev/null || true; wait; rm -f "$pipe"' EXIT
trap 'exit 0' INT TERM

# Passes on what the server prints, its owner link too, and brings the people when it is ready. Ends with the server.
while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
        *"listening on "*)
            target/release/crowd demo --server "http://$listen" --data "$data" &
            people=$!
            ;;
    esac
done <"$pipe"
wait "$server"
