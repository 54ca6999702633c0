# The front door.  The build itself is meson.build; everything here is a shorthand for people.
#
# BUILD=folder   another build folder        FUZZ_SECONDS=n   how long each fuzz target runs
.DEFAULT_GOAL := help
BUILD ?= build
FUZZ_SECONDS ?= 10
PREFIX ?= /usr/local
VENV := .venv
PYTEST := $(VENV)/bin/pytest -q
# They mostly wait for something, so as many files of them at a time as there are cores.
SITE_TESTS := $(PYTEST) -n auto --dist loadfile tests/site
RELEASE := --buildtype=release -Db_lto=true
SANITIZED := --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false

help:           ## show this list
	@echo "slipway: make TARGET"
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18

run:            ## build, set up the demo site and serve it on http://127.0.0.1:8000
	@tools/run

test:           ## unit tests, then the site tests (under ten minutes)
	@tools/setup test
	@tools/build $(BUILD) product $(RELEASE) -Dtests=enabled
	@meson test -C $(BUILD) --print-errorlogs
	@SLIPWAY=$(BUILD)/slipway $(SITE_TESTS)

test-peers:     ## the long tests: fuzzing, foreign programs, sanitizers, every fault (ten minutes)
	@$(MAKE) --no-print-directory fuzz test-foreign test-strangers test-hosts test-asan test-faults test-hooks

test-foreign: build ## against the real nginx, curl and others
	@tools/setup peers
	@SLIPWAY=$(BUILD)/slipway $(PYTEST) tests/peer --ignore=tests/peer/test_strangers.py --ignore=tests/peer/test_systemd.py
	@SLIPWAY=$(BUILD)/slipway SLIPWAY_EXAMPLES=10000 $(PYTEST) tests/site/test_dotenv.py

test-hosts: build ## a unit of install-service in a Debian 12 that systemd-nspawn boots (two minutes; makes BUILD/debian12 once)
	@tools/setup hosts
	@SLIPWAY=$(BUILD)/slipway $(PYTEST) tests/peer/test_systemd.py

test-strangers: build ## eight Django projects from PyPI (installs 1.3 GB into BUILD/strangers once)
	@tools/setup peers
	@SLIPWAY=$(BUILD)/slipway SLIPWAY_STRANGERS=$(BUILD)/strangers $(PYTEST) tests/peer/test_strangers.py

test-asan:      ## unit and site tests under the sanitizers
	@tools/setup test
	@tools/build build-asan product $(SANITIZED) -Dtests=enabled
	@meson test -C build-asan --print-errorlogs
	@SLIPWAY=build-asan/slipway $(SITE_TESTS) --ignore=tests/site/test_faults.py

test-faults: build-faults ## each system call of a start and a request made to fail, one after the other
	@tools/setup test
	@SLIPWAY_FAULT_STRIDE=1 SLIPWAY=build-faults/slipway $(PYTEST) tests/site/test_faults.py

test-hooks: build-hooks ## somebody runs code in an edge: what the sandbox leaves him
	@tools/setup test
	@SLIPWAY_HOOKS_BIN=build-hooks/slipway $(PYTEST) tests/site/test_sandbox_hook.py

build:          ## the release build: build/slipway
	@tools/setup build
	@tools/build $(BUILD) product $(RELEASE)

build-debug:    ## without optimization: build-debug/slipway
	@tools/setup build
	@tools/build build-debug product --buildtype=debug

build-asan:     ## address and undefined sanitizers: build-asan/slipway
	@tools/setup build
	@tools/build build-asan product $(SANITIZED)

build-faults:   ## the n-th system call can be made to fail: build-faults/slipway
	@tools/setup build
	@tools/build build-faults product $(SANITIZED) -Dfaults=true

build-hooks:    ## an edge that does what a test tells it: build-hooks/slipway, never for production
	@tools/setup build
	@tools/build build-hooks product $(RELEASE) -Dhooks=true

bench: build    ## measure against other servers (see bench/README.md)
	@bench/run

lint:           ## order of the rooms, ruff, and a compile with clang
	@tools/setup lint
	@tools/check-rooms
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@CC=clang tools/build build-clang all --buildtype=debugoptimized

fuzz:           ## run every fuzz target for FUZZ_SECONDS
	@tools/setup lint
	@CC=clang tools/build build-fuzz all --buildtype=debugoptimized -Db_lundef=false -Dfuzz=true
	@tools/fuzz build-fuzz $(FUZZ_SECONDS)

install: build  ## install below PREFIX (/usr/local)
	@tools/install $(BUILD) $(PREFIX)

clean:          ## remove what was built (the virtualenvs stay)
	rm -rf build build-debug build-asan build-faults build-hooks build-clang build-fuzz

.PHONY: help run test test-peers test-foreign test-hosts test-strangers test-asan test-faults test-hooks build build-debug build-asan build-faults build-hooks \
	bench lint fuzz install clean
