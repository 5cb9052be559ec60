# Squall: every step from a clean clone to a fault in front of you. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The targets share one target directory and cargo is parallel itself.
.NOTPARALLEL:

SETUP := tools/setup
WASM_TARGET := wasm32-unknown-unknown
COMPILED := target/$(WASM_TARGET)/wasm/squall.wasm
LINKED := target/squall.wasm
WASM_CARGO := $(SETUP)/wasm-cargo.sh

##@ Start here

.PHONY: help
help: ## List the targets
	@awk -f $(SETUP)/help.awk Makefile

.PHONY: setup
setup: ## Fetch what Rust, Python 3 and make do not bring: the wasm target and Envoy
	@$(SETUP)/wasm-toolchain.sh
	@$(SETUP)/envoy.sh

.PHONY: build
build: wasm-setup ## Compile the filter (target/squall.wasm) and chaosctl (target/release/chaosctl)
	$(WASM_CARGO) build --locked --profile wasm -p squall
	cargo build --locked --release -p wasm-link -p chaosctl
	@if [[ $(COMPILED) -nt $(LINKED) || target/release/wasm-link -nt $(LINKED) ]]; then \
		target/release/wasm-link $(COMPILED) $(LINKED); \
	else \
		echo "$(LINKED) is up to date"; \
	fi

.PHONY: wasm-setup
wasm-setup:
	@$(SETUP)/wasm-toolchain.sh
