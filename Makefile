# Everything that is built, run and checked. `make help` lists it. On a fresh machine with a Rust toolchain, Node and a
# C compiler every target does its own set-up (scripts/setup.sh).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup web build run demo check test test-rust test-web types types-check e2e screenshots bench fuzz-check clean

# Which end-to-end suite or benchmark; all of them if empty.
NAME ?=
LISTEN ?= 127.0.0.1:8080
DATA ?= ./data

# Directories are listed too: one changes when a file in it is added or removed.
WEB_SOURCES := $(shell find web/src web/static web/messages 2>/dev/null) \
    $(wildcard web/package-lock.json web/*.config.js web/*.config.ts web/tsconfig.json)

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

setup: ## Install what building and testing need
	@scripts/setup.sh test

web: web/build/index.html ## Build the web client, if its sources changed

web/build/index.html: $(WEB_SOURCES)
	@scripts/setup.sh build
	cd web && npm run --silent build
	@touch $@

build: web ## Build target/release/roomtone, with the web client in it, and target/release/crowd
	@scripts/setup.sh build
	cargo build --release -p roomtone -p crowd

run: build ## Build, and serve on http://localhost:8080 with data in ./data
	target/release/roomtone serve --listen $(LISTEN) --data $(DATA)

demo: build ## Serve a living example: three rooms in which people talk, and a link to come in by
	@scripts/setup.sh demo
	@scripts/demo.sh $(LISTEN)

check: web ## Formatting, lints, types, licences
	@scripts/setup.sh build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cd web && npm run --silent check
	@scripts/deny.sh

test: ## Run every test
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory test-rust test-web types-check
	@$(MAKE) --no-print-directory e2e NAME=

# The web client first: the server embeds it, and would be compiled twice otherwise.
test-rust: web ## Run the tests of the Rust crates, with a Postgres server of their own
	@scripts/setup.sh test
	scripts/postgres.sh cargo test --workspace --locked

test-web: ## Run the unit tests of the web client
	@scripts/setup.sh build
	cd web && npm test --silent

types: ## Generate the web client's types from the server's source
	@scripts/setup.sh build
	@scripts/types.sh write

types-check: ## Fail if those types are stale
	@scripts/setup.sh build
	@scripts/types.sh check

# On debug binaries, whose dependencies are optimised: a check of every change then needs no second, release build.
e2e: web ## Run the end-to-end suites in real browsers, or one of live-room, members, stage, invitations, replays: make e2e NAME=replays
	@scripts/setup.sh test
	cargo build --locked -p roomtone -p crowd
	node tests/e2e/run.mjs $(NAME)

screenshots: web ## Take the pictures in docs/images anew
	@scripts/setup.sh screenshots
	cargo build --locked -p roomtone -p crowd
	SCREENSHOTS=1 GROUP=pictures node tests/e2e/run.mjs live-room members
	optipng -quiet -o4 docs/images/*.png

bench: build ## Run every benchmark, or one: make bench NAME=audience; results: target/bench/NAME.json and TABLE.md
	@case "$(NAME)" in "" | browser-entry | members | loss) scripts/setup.sh test ;; esac
	@case "$(NAME)" in "" | loss) scripts/setup.sh demo ;; esac
	@case "$(NAME)" in browser-entry | members | loss | transcript) ;; *) target/release/crowd bench $(NAME) --out target/bench ;; esac
	@case "$(NAME)" in "" | browser-entry) node tests/e2e/bench.mjs target/bench/browser-entry.json ;; esac
	@case "$(NAME)" in "" | members) scripts/bench-members.sh ;; esac
	@case "$(NAME)" in "" | transcript) scripts/setup.sh transcriber && \
		tools/transcriber/.venv/bin/python -B tools/transcriber/measure.py target/bench/transcript.json ;; esac
	@case "$(NAME)" in "" | loss) node tests/e2e/loss.mjs target/bench/loss.json docs/images/loss.svg ;; esac

fuzz-check: ## Check that the fuzz targets compile (needs a nightly toolchain)
	cd fuzz && cargo +nightly check

clean: ## Remove everything that was built; data stays
	cargo clean
	rm -rf web/build web/.svelte-kit web/node_modules tests/e2e/node_modules tests/e2e/.venv tests/e2e/results
