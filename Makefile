# Squall: every step from a clean clone to a fault in front of you. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The targets share one target directory, and cargo is parallel itself.
.NOTPARALLEL:

SETUP := tools/setup
WASM_CARGO := $(SETUP)/wasm-cargo.sh
# What the compiler leaves, and the two modules that are made of it.
COMPILED := target/wasm32-unknown-unknown/wasm
FILTER := target/squall.wasm
CONTROL := target/squall-control.wasm
# The whole workspace, as the tests take it: of two choices of packages cargo makes two sets of features, and compiles for both.
TOOLS := cargo build --locked --release --workspace --bin wasm-link --bin chaosctl
CARGO_TEST := cargo test --locked --release --no-fail-fast
# The path of Envoy, or the reason why there is none and an error.
FIND_ENVOY := ENVOY="$$($(SETUP)/envoy.sh --path)"; export ENVOY
DOCS := cargo run --locked --release -p squall-policy --features docs --bin generate-docs

.PHONY: help setup wasm-setup wasm-opt chromium prometheus build empty-filter demo demo-faults demo-observability test test-policy test-wasm test-envoy test-observability bench bench-guardrails counts counts-update \
	docs docs-check lint arrow image clean distclean

##@ Start here

help: ## List the targets
	@awk -f $(SETUP)/help.awk Makefile

demo: setup build ## Run the example for about a minute: load before, during and after a mission
	@cargo build --locked --release -p user-service-example
	@$(FIND_ENVOY); target/release/demo $(ARGS)

demo-faults: setup build ## Ask for every fault once, see it, and compare it with its declaration
	@$(FIND_ENVOY); python3 examples/02_every_fault/run.py $(ARGS)

demo-observability: setup prometheus build ## Leave two Envoys and a Prometheus with Squall's rules running, and say where
	@$(FIND_ENVOY); python3 examples/03_observability/run.py $(ARGS)

test: setup chromium prometheus build empty-filter ## Run all three rings of tests and end with their totals
	@$(FIND_ENVOY); python3 $(SETUP)/summarise.py $(CARGO_TEST) --workspace

##@ Build

setup: wasm-setup ## Fetch what Rust, Python 3 and make do not bring: the wasm target and Envoy
	@$(SETUP)/envoy.sh

wasm-setup:
	@$(SETUP)/wasm-toolchain.sh

wasm-opt:
	@$(SETUP)/wasm-opt.sh

# The tests of the cockpit look at it in a browser.
chromium:
	@$(SETUP)/chromium.sh

# Metrics, rules and the dashboard are tested with the real Prometheus.
prometheus:
	@$(SETUP)/prometheus.sh

build: wasm-setup wasm-opt ## Compile the modules (target/squall.wasm, target/squall-control.wasm) and chaosctl (target/release/chaosctl)
	$(WASM_CARGO) build --locked --profile wasm -p squall -p squall-control
	$(TOOLS)
	@$(SETUP)/wasm-link.sh $(COMPILED)/squall.wasm $(FILTER)
	@$(SETUP)/wasm-link.sh $(COMPILED)/squall_control.wasm $(CONTROL) --control

# The floor of the benchmark, and the module with which ring 2 tests its own host.
empty-filter: wasm-setup
	$(WASM_CARGO) build --locked --release --manifest-path bench/empty_filter/Cargo.toml

image: build ## Prepare target/image and show how to pack it into an OCI image for Istio
	@mkdir -p target/image && cp $(FILTER) target/image/
	@echo "Any OCI builder will do; the image holds /plugin.wasm alone:"
	@echo "    docker build -f istio/Dockerfile -t REGISTRY/squall:TAG target/image"
	@echo "    docker push REGISTRY/squall:TAG"

clean: ## Remove what the compiler wrote
	cargo clean
	cargo clean --manifest-path bench/empty_filter/Cargo.toml

distclean: clean ## Remove that and the downloaded Envoy
	rm -rf .cache

##@ Test

test-policy: ## Ring 1: the pure policy and the native tools
	@python3 $(SETUP)/summarise.py $(CARGO_TEST) -p squall-policy -p squall-control -p chaosctl -p wasm-link -p squall

test-wasm: build empty-filter ## Ring 2: the compiled module in a small wasm host
	@python3 $(SETUP)/summarise.py $(CARGO_TEST) -p squall-wasm-host

test-envoy: setup chromium prometheus build ## Ring 3: the compiled modules in a real Envoy, the cockpit in Chromium
	@$(FIND_ENVOY); python3 $(SETUP)/summarise.py $(CARGO_TEST) -p squall-envoy-tests

test-observability: setup prometheus build ## Metrics, rules, alerts, dashboard, traces and events against Prometheus and an OTLP receiver
	@$(FIND_ENVOY); python3 $(SETUP)/summarise.py $(CARGO_TEST) -p squall-envoy-tests --test observability

bench: setup build empty-filter ## Compare bare Envoy, its own fault filter, an empty filter and Squall in one run
	@$(FIND_ENVOY); cargo run --locked --release -p squall-bench -- $(ARGS)

bench-guardrails: ## Simulate thousands of missions: false alarms of guardrails, and how soon they halt
	@cargo run --locked --release -p squall-policy --features docs --bin guardrail-trials -- $(ARGS)

##@ Check

counts: build empty-filter ## Compare host calls and instructions per request with the committed table
	@python3 $(SETUP)/summarise.py $(CARGO_TEST) --workspace --test counts

counts-update: build empty-filter ## Rewrite that table
	@SQUALL_UPDATE_COUNTS=1 python3 $(SETUP)/summarise.py $(CARGO_TEST) --workspace --test counts

docs: ## Rewrite docs/catalog.md, docs/errors.md and schemas/ from the types
	$(DOCS)

docs-check: ## Check that docs/catalog.md, docs/errors.md and schemas/ say what the types say
	@$(SETUP)/check-docs.sh $(DOCS)

lint: wasm-setup ## Check format, clippy, the arrow, shell scripts, licences
	@$(SETUP)/lint.sh

arrow: ## Check which crate depends on which, and that this check can fail
	@$(SETUP)/check-arrow.sh
	@$(SETUP)/check-arrow-selftest.sh
