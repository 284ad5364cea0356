# make lists the targets; make check is what CI runs, no more, no less.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Everything that is not source lies in .cache.
BIN := $(CURDIR)/.cache/bin
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
GOTESTSUM_VERSION := v1.13.0
GOTESTSUM := $(BIN)/gotestsum-$(GOTESTSUM_VERSION)

# The kernel's clocks are among what is tested, and on a machine shared with
# others a clock lies now and then. So up to three tests that failed run again,
# when the rest is done and the machine quiet, and are named at the end; one that
# fails thrice, or races for data, fails the run.
FLAKY := .cache/reruns.txt
TEST := $(GOTESTSUM) --format standard-quiet --hide-summary skipped --rerun-fails=2 \
	--rerun-fails-max-failures 3 --rerun-fails-abort-on-data-race --rerun-fails-report $(FLAKY)

# The race detector needs cgo and a C compiler; without them the tests run without it.
RACE = $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v "$$(go env CC)" >/dev/null && echo -race)

# The newest patch of the Go version in go.mod; go test fetches it as a module.
OLDEST := go1.25.12

# A release of OpenTelemetry that is not in go.mod; make check takes it in if it is set.
OTEL ?=

# How long the soak test and each fuzz target run.
SOAK ?= 5s
FUZZTIME ?= 10s
# How often each benchmark runs.
ROUNDS ?= 3

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## bring what the tests talk to: as root by apt and npm, else say what is missing
	@tools/setup

.PHONY: test
test: setup $(GOTESTSUM) ## run every test, under the race detector where there is a C compiler
	@[ -n '$(RACE)' ] || echo 'make test: no C compiler, so the tests run without the race detector'
	@rm -f $(FLAKY)
	$(TEST) --packages ./... -- $(RACE)
	@if [ -s $(FLAKY) ]; then echo 'these tests ran more than once:'; cat $(FLAKY); fi
	go test $(RACE) -tags propagate_noambient ./propagate ./trace
	CLEW_SOAK=$(SOAK) GODEBUG=clobberfree=1 go test $(RACE) -count=1 -run '^TestSoak$$' ./propagate
	CLEW_SOAK=$(SOAK) GODEBUG=clobberfree=1 go test -count=1 -run '^TestSoak$$' ./propagate

.PHONY: check
check: lint generated cross rivals oldest smoke test $(if $(OTEL),conform) ## all that CI runs

.PHONY: conform
conform: ## hold the fast provider against another release of OpenTelemetry: OTEL=v1.47.0
	tools/conform $(OTEL)

.PHONY: lint
lint: $(GOLANGCI) $(BIN)/deadcode ## find faults, style and dead code
	$(GOLANGCI) run ./...
	@badly=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$badly" ] || { echo "not gofmt-ed: $$badly"; exit 1; } # other modules too
	tools/deadcode $(BIN)/deadcode
	go mod verify >/dev/null

.PHONY: fmt
fmt: $(BIN)/gofumpt ## format the Go files
	$(BIN)/gofumpt -w $$(git ls-files '*.go')

.PHONY: generate
generate: ## write the generated files anew: code, docs/cli, tables in docs
	go generate ./...
	go test $(addprefix ./,$(wildcard cmd/*)) ./docs -run '^(TestDocs|TestImports|TestImportWeight)$$' -update
	go test ./propagate -run '^TestBoundaries$$' -update
	go test ./trace/provider -run '^TestSpecification$$' -update

.PHONY: generated
generated: ## fail when a generated file is not what its source makes
	@before=$$(git status --porcelain); $(MAKE) --no-print-directory generate >/dev/null; \
	if [ "$$(git status --porcelain)" != "$$before" ]; then \
	  git --no-pager diff; git status --short; \
	  echo 'generated files differ: run make generate and commit'; exit 1; fi

.PHONY: cross
cross: ## build and vet, tests included, for the systems we do not run on
	tools/cross linux/arm64 darwin/arm64 windows/amd64

.PHONY: rivals
rivals: ## vet the comparisons with other people's libraries, and test that we get on with them
	go -C tools/rivals vet ./...
	go -C tools/rivals test ./...

.PHONY: oldest
oldest: ## test the libraries with the oldest Go that go.mod promises
	GOTOOLCHAIN=$(OLDEST) go test ./propagate ./propagate/timeline/... ./trace/...

.PHONY: smoke
smoke: ## start every program as its user would
	tools/smoke

.PHONY: bench
bench: $(BIN)/benchstat ## measure, beside the rivals; ROUNDS=10 for figures to publish
	go test -run '^$$' -bench . -benchmem -count $(ROUNDS) ./propagate ./trace | tee .cache/bench.txt
	go -C tools/rivals test -bench . -benchmem -count $(ROUNDS) | tee -a .cache/bench.txt
	$(BIN)/benchstat .cache/bench.txt
	go -C tools/rivals run ./middleware

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	tools/fuzz $(FUZZTIME)

.PHONY: cover
cover: ## show how much of each package its tests run
	go test -coverprofile .cache/cover.out ./...
	go tool cover -func .cache/cover.out | tail -1

$(GOLANGCI): # not in tools/go.mod: its hundreds of modules are nobody's business
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

$(GOTESTSUM):
	GOBIN=$(BIN) go install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)
	mv $(BIN)/gotestsum $@

$(BIN)/benchstat $(BIN)/bpf2go $(BIN)/deadcode $(BIN)/gofumpt $(BIN)/staticcheck: tools/go.mod
	go -C tools build -o $(BIN)/ $$(go -C tools list tool | grep '/$(@F)$$')
	touch $@
