# Verbs for people. CMakeLists.txt is the truth for machines.
#
#   make asan test      the tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   make tsan test      the tests under ThreadSanitizer
#   make sim SEED=7     one simulated world; SEED=1..200 for a range
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

JOBS ?= $(shell nproc)
SEED ?= 1
PREFIX ?= /usr/local
DESTDIR ?=

# The goals choose the preset: release unless asan, tsan or debug is among them.
PRESET ?= $(firstword $(filter asan tsan debug,$(MAKECMDGOALS)) release)
BUILD := $(if $(filter release,$(PRESET)),build,build/$(PRESET))

# ThreadSanitizer of g++ 12 cannot live with the address randomisation of newer kernels.
FIXED_LAYOUT := $(if $(filter tsan,$(PRESET)),$(shell setarch -R true 2>/dev/null && echo setarch -R))

PACKAGES := build-essential cmake ninja-build pkg-config libuv1-dev liblmdb-dev node-llhttp \
  libmbedtls-dev libisal-dev libprotobuf-dev protobuf-compiler libsimdjson-dev \
  nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev \
  catch2 librapidcheck-dev libbenchmark-dev ca-certificates openssl
CHECK_PACKAGES := clang-format clang-tidy
BENCH_PACKAGES := libsqlite3-dev

SOURCES = $(shell git ls-files '*.h' '*.cc')
TIDIED = $(shell git ls-files 'core/*.cc' 'journal/*.cc' 'adapters/*.cc' 'tools/*.cc')

export ASAN_OPTIONS ?= detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1

.PHONY: help deps build run test check format tidy unity bench sim asan tsan debug crash storm golden \
  install uninstall clean configure check-deps

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

deps: ## install what is missing (Debian packages only)
	@$(call install_missing,$(PACKAGES))

build: configure ## build/daybookd and build/daybook
	@cmake --build $(BUILD) -j $(JOBS) --target daybookd daybook

run: build ## a console chat that answers, with no key and no network
	@$(BUILD)/daybookd --console

test: configure ## every test
	@cmake --build $(BUILD) -j $(JOBS)
	@$(FIXED_LAYOUT) ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

check: check-deps format tidy unity test ## what a push must pass: format, lint, both builds, tests, 200 seeds
	@$(MAKE) sim SEED=1..200

format: check-deps ## do all sources stand as clang-format would write them?
	@clang-format --dry-run -Werror $(SOURCES)

tidy: configure check-deps ## clang-tidy over the programs and their libraries
	@cmake --build $(BUILD) -j $(JOBS) --target schema
	@printf '%s\n' $(TIDIED) | xargs -P $(JOBS) -n 2 clang-tidy --quiet -p $(BUILD) \
	  2> >(grep -vE '^[0-9]+ warnings? generated' >&2 || true)

unity: deps ## the same programs compiled as a few large units
	@cmake --preset unity >/dev/null
	@cmake --build build/unity -j $(JOBS) --target daybookd daybook

bench: deps ## events a second, beside what LMDB and SQLite alone do in the same process
	@$(call install_missing,$(BENCH_PACKAGES))
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target daybook_bench
	@$(BUILD)/daybook_bench

sim: configure ## a simulated world from SEED=n; SEED=1..200 runs a range
	@cmake --build $(BUILD) -j $(JOBS) --target daybook_sim
	@$(BUILD)/daybook_sim --seed $(SEED)

asan: build ## build with AddressSanitizer and UBSan; `make asan test` runs the tests so

tsan: build ## build with ThreadSanitizer; `make tsan test` runs the tests so

debug: build ## build without optimisation, in build/debug

crash: configure ## the long campaigns: kill -9 at hundreds of points, thousands of damages to a journal
	@cmake --build $(BUILD) -j $(JOBS)
	@$(BUILD)/daybook_tests '[.crash],[.damage],[.killed]'

storm: configure ## the long fault campaign: power lost at every step, every call failed in every way
	@cmake --build $(BUILD) -j $(JOBS) --target daybook_storms
	@$(BUILD)/daybook_storms '[.storm]'

golden: configure ## add golden bytes for new kinds and fields; lines that exist never change
	@cmake --build $(BUILD) -j $(JOBS) --target daybook_tests
	@DAYBOOK_GOLDEN=write $(BUILD)/daybook_tests '[golden]'

install: configure ## programs, manuals, completions, units, settings example, under PREFIX (/usr/local)
	@cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(abspath $(PREFIX)) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target daybookd daybook
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD)

INSTALLED := bin/daybookd bin/daybook share/doc/daybook/config.toml.example \
  share/doc/daybook/README.md share/doc/daybook/LICENSE \
  lib/systemd/system/daybook.service share/systemd/user/daybook.service \
  share/man/man1/daybook.1 share/man/man5/daybook-journal.5 share/man/man8/daybookd.8 \
  share/bash-completion/completions/daybook share/bash-completion/completions/daybookd \
  share/fish/vendor_completions.d/daybook.fish share/fish/vendor_completions.d/daybookd.fish \
  share/zsh/site-functions/_daybook

uninstall: ## remove what install put there; settings and journal stay
	@rm -fv $(addprefix $(DESTDIR)$(abspath $(PREFIX))/,$(INSTALLED))
	@rmdir --ignore-fail-on-non-empty $(DESTDIR)$(abspath $(PREFIX))/share/doc/daybook 2>/dev/null || true

clean: ## remove what was built
	@rm -rf build

configure: deps
	@[ -f $(BUILD)/build.ninja ] || cmake --preset $(PRESET) >/dev/null

check-deps:
	@$(call install_missing,$(CHECK_PACKAGES))

# Says nothing and touches nothing when all is there. $(1): packages.
define install_missing
  if ! command -v dpkg-query >/dev/null; then \
    echo 'deps: not a Debian system; these packages by their names here are needed: $(1)' >&2; exit 0; \
  fi; \
  missing=$$(comm -13 \
    <(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(1) 2>/dev/null \
      | awk '$$2 == "installed" { print $$1 }' | sort -u) \
    <(printf '%s\n' $(1) | sort -u)); \
  [ -n "$$missing" ] || exit 0; \
  echo "installing:" $$missing; \
  if [ "$$(id -u)" = 0 ]; then as_root='env'; \
  elif command -v sudo >/dev/null; then as_root='sudo env'; \
  else echo 'deps: run `make deps` once as root, or install sudo' >&2; exit 1; fi; \
  log=$$(mktemp); \
  { $$as_root apt-get update -qq && \
    $$as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
  } >"$$log" 2>&1 || { cat "$$log" >&2; rm -f "$$log"; exit 1; }; \
  rm -f "$$log"
endef
