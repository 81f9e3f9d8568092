# The entry point to the project; each target is a thin layer over cargo and first installs what
# is missing. `./dev TARGET` does the same where even make is missing.
#
#   make run ARGS='-p 1234'       pass ARGS to tcplife
#   make test SUDO=1              run the tests, not cargo, through sudo: the kernel tests too
#   make bench QUICK=1            fewer and shorter rounds
#   make healthy DURATION=1h      watch the healthy host for longer
#   make CARGO='cargo +nightly'   use another cargo

.DEFAULT_GOAL := build

SETUP := CARGO='$(CARGO)' scripts/setup.sh
# Unless one is named, the cargo that setup.sh finds new enough; determined once, after setup.
ifeq ($(strip $(CARGO)),)
CARGO = $(eval CARGO := $$(shell scripts/setup.sh cargo))$(CARGO)
endif
# cargo takes CARGO in its environment for its own path, which "cargo +nightly" is not.
unexport CARGO

# rustup puts cargo where only a login shell looks; setup.sh looks there too.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET_DIR)/release/tcplife
SCRIPTS := dev .ci/run $(wildcard scripts/*.sh)
BPF_SOURCES := $(wildcard src/bpf/*.[ch])
RUN_AS_ROOT := target."cfg(unix)".runner = ["sudo", "--preserve-env"]

# $(call check,TOOL,ARGUMENTS): runs an optional tool. If it is not installed, that is reported, and
# an error in CI.
define check
@if command -v $(1) >/dev/null; then \
	echo '$(1) $(2)'; $(1) $(2); \
elif [ "$$CI" = true ]; then \
	echo 'make lint: no $(1), and CI must not skip its check; `scripts/setup.sh lint` installs it' >&2; exit 1; \
else \
	echo 'make lint: SKIPPED $(1), which is not here; `scripts/setup.sh lint` installs it' >&2; \
fi
endef

.PHONY: help setup setup-test setup-bench setup-healthy build run test test-bare lint deny static release book reproducible test-packages test-aarch64 clean picture demo accuracy healthy past bench fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the build needs, when something is missing
	@$(SETUP)

setup-test:
	@$(SETUP) test

setup-bench:
	@$(SETUP) bench || echo 'make bench: going on without what could not be installed' >&2

setup-healthy:
	@$(SETUP) test healthy

build: setup ## build target/release/tcplife (the default)
	$(CARGO) build --locked --release

run: build ## build and start the dashboard, as root; ARGS='...' go to tcplife
	@if [ "$$(id -u)" = 0 ]; then \
		$(BIN) $(ARGS); \
	elif command -v sudo >/dev/null; then \
		echo 'sudo $(BIN)  (loading BPF programs needs root)' >&2; \
		sudo $(BIN) $(ARGS); \
	else \
		echo 'make run: loading BPF programs needs root, and sudo is not installed: run $(BIN) as root' >&2; \
		exit 1; \
	fi

test: setup-test ## run all tests; those that load BPF programs need root or SUDO=1
ifdef SUDO
	$(CARGO) test --locked --config '$(RUN_AS_ROOT)'
else
	@if [ "$$(id -u)" != 0 ]; then \
		echo '*** Not root: the KERNEL TESTS WILL BE SKIPPED. With them: make test SUDO=1' >&2; \
	fi
	$(CARGO) test --locked
endif

test-bare: ## try ./dev run and ./dev test on a fresh Debian (root; minutes); DEBIAN=trixie
	@$(SETUP) bare
	scripts/test-bare.sh $(DEBIAN)

lint: setup ## check formatting, clippy, docs, shell scripts and BPF C; warnings are errors
	@$(CARGO) fmt --version >/dev/null && $(CARGO) clippy --version >/dev/null || { \
		echo 'make lint: cargo fmt and cargo clippy must work: rustup component add rustfmt clippy, or the packages of those names where Rust is a package' >&2; \
		exit 1; \
	}
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked -- -D warnings # the shipped code, without parts that only tests use
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items
	$(call check,shellcheck,$(SCRIPTS))
	$(if $(BPF_SOURCES),$(call check,clang-format,--dry-run -Werror $(BPF_SOURCES)))

deny: ## check licenses, sources and known flaws of all dependencies
	@$(SETUP) deny
	$(CARGO) deny --locked check

static: setup ## build one file without shared libraries, to copy to any host; ARCH=aarch64
	@CARGO='$(CARGO)' scripts/static.sh $(ARCH)

release: ## build the program, packages, source, bill of materials and checksums in dist/
	@$(SETUP) static release
	@CARGO='$(CARGO)' scripts/release.sh

book: ## build the documents as a book in target/book (needs mdbook)
	@mdbook --version >/dev/null 2>&1 || { \
		echo 'make book: no mdbook here; cargo install --locked mdbook' >&2; \
		exit 1; \
	}
	mdbook build docs

reproducible: ## build the program twice, in different directories and homes, and compare the bytes
	@$(SETUP) static
	@CARGO='$(CARGO)' scripts/test-reproducible.sh

test-packages: ## install, run, upgrade and purge the packages of dist/ in a fresh Debian (root; after make release)
	@$(SETUP) bare
	scripts/test-packages.sh $(DEBIAN)

test-aarch64: ## build for aarch64 in a Debian of its own, and run it in an emulated machine (root; minutes)
	@$(SETUP) bare
	scripts/test-aarch64.sh

clean: ## remove everything that was built
	$(CARGO) clean

picture: build ## regenerate the pictures in the documents, from the real program (root)
	$(CARGO) run --locked --example picture -- pictures $(BIN) assets

demo: build ## record what --demo shows, from real traffic between two namespaces (root)
	$(CARGO) run --locked --example picture -- demo $(BIN) assets/demo.jsonl.zst

accuracy: setup ## compare every figure with the truth, and with libbpf-tools' tcplife (root)
	$(CARGO) test --locked --test truth -- --accuracy

healthy: setup-healthy ## watch a busy host without faults, where nothing may be found (root or SUDO=1); DURATION=10m
	TCPLIFE_HEALTHY=$(or $(DURATION),10m) $(CARGO) test --locked $(if $(SUDO),--config '$(RUN_AS_ROOT)') --test capture -- \
		--nocapture healthy_busy_host_has_no_finding

past: setup-test ## compare ten instants of busy traffic, looked back at and replayed (root or SUDO=1); DURATION=5m
	TCPLIFE_PAST=$(or $(DURATION),5m) $(CARGO) test --locked $(if $(SUDO),--config '$(RUN_AS_ROOT)') --test dashboard -- \
		--nocapture past_of_mixed_traffic_at_ten_instants_is_that_of_its_recording

bench: setup-bench ## check tcplife against its budgets, next to other tools (root or SUDO=1); QUICK=1 takes five minutes
	$(CARGO) bench --locked --bench budgets $(if $(SUDO),--config '$(RUN_AS_ROOT)') -- $(if $(QUICK),--quick)

fuzz: setup ## play changed recordings (needs cargo-fuzz, but no nightly compiler); DURATION=1h
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { \
		echo 'make fuzz: no cargo-fuzz here; cargo install --locked cargo-fuzz' >&2; \
		exit 1; \
	}
	mkdir -p fuzz/corpus/recording
	$(CARGO) fuzz run --sanitizer none recording fuzz/corpus/recording fuzz/seeds/recording -- \
		-max_len=65536 -rss_limit_mb=1024 -print_final_stats=1 \
		-max_total_time=$$(($$(echo $(or $(DURATION),10m) | sed 's/h$$/*3600/; s/m$$/*60/; s/s$$//')))
