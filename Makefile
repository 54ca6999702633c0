# The front door.  The build itself is meson.build; everything here is a shorthand for people.
#
# BUILD=folder   another build folder        FUZZ_SECONDS=n   how long each fuzz target runs
.DEFAULT_GOAL := help
BUILD ?= build
FUZZ_SECONDS ?= 20
PREFIX ?= /usr/local
VENV := .venv
SANITIZED := -Db_sanitize=address,undefined -Db_lundef=false

help:           ## show this list
	@echo "slipway: make TARGET"
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18

run:            ## build, set up the demo site and serve it on http://127.0.0.1:8000
	@tools/run

test:           ## unit tests, then the site tests
	@tools/setup test
	@tools/configure $(BUILD) --buildtype=release -Db_lto=true -Dtests=enabled
	@ninja -C $(BUILD) product
	@meson test -C $(BUILD) --print-errorlogs
	@SLIPWAY=$(BUILD)/slipway $(VENV)/bin/pytest -q tests/site

test-peers: build ## tests against the real nginx and uWSGI
	@tools/setup test peers
	@SLIPWAY=$(BUILD)/slipway $(VENV)/bin/pytest -q tests/peer

build:          ## the release build: build/slipway
	@tools/setup build
	@tools/configure $(BUILD) --buildtype=release -Db_lto=true
	@ninja -C $(BUILD) product

build-debug:    ## without optimization: build-debug/slipway
	@tools/setup build
	@tools/configure build-debug --buildtype=debug
	@ninja -C build-debug product

build-asan:     ## address and undefined sanitizers: build-asan/slipway
	@tools/setup build
	@tools/configure build-asan --buildtype=debugoptimized $(SANITIZED)
	@ninja -C build-asan product

build-faults:   ## the n-th system call can be made to fail: build-faults/slipway
	@tools/setup build
	@tools/configure build-faults --buildtype=debugoptimized $(SANITIZED) -Dfaults=true
	@ninja -C build-faults product

test-asan:      ## unit and site tests under the sanitizers
	@tools/setup test
	@tools/configure build-asan --buildtype=debugoptimized $(SANITIZED) -Dtests=enabled
	@ninja -C build-asan product
	@meson test -C build-asan --print-errorlogs
	@SLIPWAY=build-asan/slipway $(VENV)/bin/pytest -q tests/site

bench: build    ## measure against other servers (BENCH=folder of the benchmark)
	@bench/run

lint:           ## order of the rooms, ruff, and a compile with clang
	@tools/setup lint
	@tools/check-rooms
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@CC=clang tools/configure build-clang --buildtype=debugoptimized
	@ninja -C build-clang

fuzz:           ## run every fuzz target for FUZZ_SECONDS
	@tools/setup lint
	@CC=clang tools/configure build-fuzz --buildtype=debugoptimized -Db_lundef=false -Dfuzz=true
	@ninja -C build-fuzz
	@tools/fuzz build-fuzz $(FUZZ_SECONDS)

install: build  ## install below PREFIX (/usr/local)
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@meson install -C $(BUILD) --no-rebuild

clean:          ## remove what was built (the virtualenvs stay)
	rm -rf build build-debug build-asan build-faults build-clang build-fuzz

.PHONY: help run test test-peers test-asan build build-debug build-asan build-faults bench lint fuzz install clean
