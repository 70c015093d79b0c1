# The few commands of this house. `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help demo test test-matrix ui ui-test ui-shots bench lint setup

export CARGO_TERM_COLOR ?= auto
export PATH := $(CURDIR)/.venv/bin:$(HOME)/.cargo/bin:$(PATH)
NEXTEST_PROFILE ?= default

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: setup ui ## build, then back up, break and recover a small database before your eyes (KEEP=1 leaves it there)
	cargo build --release --locked
	KEEP=$(KEEP) scripts/demo

test: setup ui ## format, lints and all tests, with PostgreSQL 15 and 18, a private S3 server, and a browser
	scripts/fetch-postgres 18
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo nextest run --workspace --locked --profile $(NEXTEST_PROFILE)
	cargo nextest run -p mount -p ops --features mount/shuttle,ops/shuttle --locked --profile $(NEXTEST_PROFILE) -E 'test(explored)'
	$(MAKE) ui-test

ui: ## build the dashboard, which the daemon then has in it
	cd ui && npm ci --no-audit --no-fund && npm run build

# The daemon is the one that the other tests were run with: built by itself, with other features of what it is made of, all of it would be built anew.
ui-test: ## the dashboard's own tests, and those in a browser against the daemon
	cargo test --workspace --locked --no-run
	cd ui && npm test && npm run test:browser

ui-shots: setup ui ## a picture of each page of the dashboard, light, dark and on a phone, in ui/shots
	cargo build --locked -p cli
	cd ui && npm run shots

test-matrix: setup ## all tests with every supported PostgreSQL
	for major in 13 14 16 17 18; do scripts/fetch-postgres $$major || exit 1; done
	REKINDLE_TEST_MAJORS="13 14 15 16 17 18" cargo nextest run --workspace --locked --profile $(NEXTEST_PROFILE)

bench: ## side by side with other tools; results in bench/out
	scripts/setup bench
	$(MAKE) ui
	cargo build --release --locked
	cargo build --release --locked -p mount --example terabyte
	cargo build --release --locked -p cli -p ops --example bench_ops
	cargo build --release --locked -p cli -p control --features control/simulated --example fleet --example hours
	bench/run

lint: ## licences, forbidden crates and sources of everything in the tree; known advisories when their list can be had
	scripts/setup lint
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo deny --locked check licenses bans sources
	scripts/advisories

setup: ## install what is missing on Debian 12
	scripts/setup
