# Verbs for people. CMakeLists.txt is the truth for machines.
.DEFAULT_GOAL := help
SHELL := /bin/bash
JOBS ?= $(shell nproc)
SEED ?= 1
PREFIX ?= /usr/local

PACKAGES := build-essential cmake ninja-build pkg-config libuv1-dev liblmdb-dev node-llhttp libmbedtls-dev libisal-dev \
  libprotobuf-dev protobuf-compiler libsimdjson-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libspdlog-dev \
  libfmt-dev libmd4c-dev catch2 librapidcheck-dev libbenchmark-dev ca-certificates openssl
CHECK_PACKAGES := clang-format clang-tidy

.PHONY: help deps build run test check bench sim asan tsan fuzz crash golden install uninstall clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

deps: ## install what is missing (Debian packages only)
	@missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(PACKAGES) 2>/dev/null | awk '$$4=="installed"{print $$1}' | sort > /tmp/.daybook-have.$$$$; \
	  printf '%s\n' $(PACKAGES) | sort | comm -23 - /tmp/.daybook-have.$$$$; rm -f /tmp/.daybook-have.$$$$); \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "installing:" $$missing; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

build: deps ## build/daybookd and build/daybook
	@[ -f build/build.ninja ] || cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target daybookd daybook

run: build ## a console chat that answers, with no key and no network
	@build/daybookd --console

test: deps ## every test
	@[ -f build/build.ninja ] || cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@ctest --test-dir build --output-on-failure -j $(JOBS)

clean: ## remove what was built
	rm -rf build
