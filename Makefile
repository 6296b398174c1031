# The commands for developers. `make help` lists them.

GO        ?= go
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BUF       := $(GO) tool -modfile=tools/go.mod buf
LINT      := $(GO) tool -modfile=tools/go.mod golangci-lint
TESTFLAGS ?=
BENCHFLAGS ?=

# Builds use no version control, so that they work in any copy of the tree. Only the
# released service is optimised by its profile (PGO): tests and development would have to
# compile the same packages once more.
export GOFLAGS := -buildvcs=false -pgo=off $(GOFLAGS)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: bin/dev ## Start database, issuer and service, and print commands to paste
	@exec bin/dev/todo-dev -todod bin/dev/todod

.PHONY: run-web
run-web: web/app/dist/index.html bin/dev ## Start the same with Better Auth as the issuer, and the web page
	@exec bin/dev/todo-dev -todod bin/dev/todod -web web

# In one build, with the flags of the tests: both share compiled packages.
.PHONY: bin/dev
bin/dev:
	@echo 'Building the service and its development stack (the first time takes a minute or two) ...'
	@start=$$(date +%s) && mkdir -p bin/dev && \
		$(GO) build -ldflags='-X main.version=$(VERSION)' -o bin/dev ./cmd/todod ./cmd/todo-dev && \
		echo "Built in $$(($$(date +%s) - start)) s."

web/node_modules/.package-lock.json: web/package-lock.json | node
	npm ci --prefix web
	@touch $@

# The sources include folders, since a folder changes when a file in it is removed.
web/app/dist/index.html: web/node_modules/.package-lock.json $(shell find web/app/*.* web/app/public web/app/src 2>/dev/null)
	npm run build --prefix web -w app
	@touch $@

.PHONY: node
node:
	@node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || major == 20 && minor >= 19 ? 0 : 1)' 2>/dev/null && npm --version >/dev/null 2>&1 || { \
		echo "install Node.js 20.19 or later, with npm, from https://nodejs.org or by your system's package manager; this machine has: $$(node --version 2>/dev/null || echo none)" >&2; \
		exit 1; \
	}

# Every test that needs a database would fail without it.
.PHONY: postgres
postgres: ## Find a PostgreSQL for development and tests, or download one
	@$(GO) run ./cmd/withpostgres

# On a slow or busy machine tests take longer than the 10 minutes that `go test` gives them.
.PHONY: test
test: postgres ## Run all Go tests
	$(GO) test -timeout=30m $(TESTFLAGS) ./...
	$(GO) test -C tools/openapi -timeout=30m $(TESTFLAGS) ./...
	$(GO) test -C bench -timeout=30m $(TESTFLAGS) ./...

.PHONY: mutants
mutants: ## Check that tests fail for SQL without its owner, its lock or its second look
	$(GO) test -count=1 -tags mutants -timeout=60m -run 'ForgetsTheOwner|OwnerIsTakenOut|InEveryMutant' ./internal/postgres ./internal/postgres/sqlowner

FUZZTIME ?= 10000x

.PHONY: fuzz
fuzz: ## Run each fuzz target 10,000 times (FUZZTIME=10000x)
	GO=$(GO) tools/fuzz.sh $(FUZZTIME)

.PHONY: lint
lint: imports ## Check formatting, code and contract
	$(LINT) run --allow-serial-runners
	cd tools/openapi && $(GO) tool -modfile=../go.mod golangci-lint run --allow-serial-runners -c ../../.golangci.yml
	cd bench && $(GO) tool -modfile=../tools/go.mod golangci-lint run --allow-serial-runners -c ../.golangci.yml
	cd tools/protoimport && $(GO) tool -modfile=../go.mod golangci-lint run --allow-serial-runners -c ../../.golangci.yml
	cd test/faults && $(GO) tool -modfile=../../tools/go.mod golangci-lint run --allow-serial-runners -c ../../.golangci.yml
	cd test/deploy && $(GO) tool -modfile=../../tools/go.mod golangci-lint run --allow-serial-runners -c ../../.golangci.yml
	$(BUF) lint
	$(BUF) format --diff --exit-code proto

.PHONY: breaking
breaking: ## Check that the contract breaks no caller
	tools/breaking.sh

.PHONY: generate
generate: imports ## Regenerate gen/ from the contract, and the names of time zones from Go
	$(BUF) generate
	$(GO) run -C tools ./zonenames > internal/todo/zonenames.txt

.PHONY: generate-web
generate-web: web/node_modules/.package-lock.json ## Regenerate the page's client, web/app/src/gen/ (needs Node.js)
	npm run generate --prefix web -w app

.PHONY: imports
imports:
	@$(GO) run -C tools/protoimport . ../../.import

.PHONY: build
build: OUTPUT ?= bin/todod
build: ## Build the service, a static binary, into bin/
	CGO_ENABLED=0 $(GO) build -pgo=auto -trimpath -ldflags="-s -w -X main.version=$(VERSION)" -o $(OUTPUT) ./cmd/todod

.PHONY: image
image: ## Build the container images for amd64 and arm64 (needs docker, podman or buildah)
	tools/image.sh "$(VERSION)"

.PHONY: image-test
image-test: postgres ## Build the images twice, and run one (needs buildah, root and Linux)
	$(GO) test -count=1 -tags image -timeout=40m $(TESTFLAGS) ./test/image

.PHONY: e2e
e2e: web/app/dist/index.html build ## Test with the real Better Auth, in a real browser (needs Node.js and Chromium)
	npm run check --prefix web --workspaces
	$(GO) run ./cmd/withpostgres npm test --prefix web --workspaces --if-present
	$(GO) test -timeout=30m $(TESTFLAGS) -tags web -run '^TestWeb' ./cmd/todo-dev

# Every state of the page is saved in E2E_ARTIFACTS.
.PHONY: screenshots
screenshots: export FONTCONFIG_FILE := $(CURDIR)/web/e2e/fonts.conf
screenshots: export PAGE_PICTURE := $(CURDIR)/docs/page.png
screenshots: export E2E_ARTIFACTS := $(CURDIR)/bin/screenshots
screenshots: web/app/dist/index.html build ## Take docs/page.png, and every state of the page into bin/screenshots/
	$(GO) run ./cmd/withpostgres npm test --prefix web -w e2e -- picture.test.mjs accessibility.test.mjs

.PHONY: faults
faults: postgres build ## Run the fault tests, for some minutes (needs PgBouncer and HAProxy)
	$(GO) test -C test/faults -count=1 -timeout=30m -skip '$(ALERT_TESTS)'

.PHONY: faults-long
faults-long: postgres build ## Run all fault tests, for a quarter of an hour
	$(GO) test -C test/faults -count=1 -timeout=60m -skip '$(ALERT_TESTS)' -args -long

.PHONY: scale
scale: postgres build ## Test several processes, a cluster and cells, for a quarter of an hour (needs Patroni, etcd and HAProxy)
	$(GO) test -C test/scale -count=1 -tags scale -timeout=60m $(TESTFLAGS)

.PHONY: scale-short
scale-short: postgres build ## Run a few minutes of the same
	$(GO) test -C test/scale -count=1 -tags scale -short -timeout=20m $(TESTFLAGS)

# Of test/faults, which has the faults. They run all at once: most of the time they wait for
# Prometheus. The runbooks need PostgreSQL's pg_dump, too.
ALERT_TESTS := ^Test(Alert|Dashboard|Runbook)

.PHONY: alerts-test
alerts-test: postgres build ## Make each alert fire by its fault, in two minutes (needs Prometheus)
	$(GO) test -C test/faults -count=1 -timeout=30m -parallel=16 -run '$(ALERT_TESTS)'

.PHONY: dashboard-picture
dashboard-picture: postgres build ## Draw docs/dashboard.png (needs Prometheus and python3-matplotlib)
	$(GO) test -C test/faults -count=1 -timeout=30m -run '^TestDashboardPicture$$' -args -picture "$(CURDIR)/docs/dashboard.png"

.PHONY: deploy-test
deploy-test: postgres web/app/dist/index.html build ## Test the files of deploy/ (needs Node.js, Caddy, HAProxy, socat, ShellCheck and systemd-analyze)
	$(GO) test -C test/deploy -count=1 -timeout=30m

.PHONY: migrate-plan
migrate-plan: ## Print the SQL that would change DATABASE_URL to schema.sql
	tools/migrate-plan.sh

.PHONY: security
security: build ## Check vulnerabilities, licences, modules and the build; list linked modules
	tools/security.sh "$(VERSION)"

.PHONY: bench
bench: postgres bin/bench ## Measure the service against its database's own limit, in under 15 minutes (needs wrk)
	bin/bench $(BENCHFLAGS)

.PHONY: bench-full
bench-full: postgres bin/bench ## Measure every scenario over every protocol, with every number of callers
	bin/bench -full $(BENCHFLAGS)

.PHONY: bench-go
bench-go: ## Run the Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: simulate
simulate: ## Print the tables of docs/scaling.md: what many users need
	@$(GO) run -C bench ./simulate -seed 1

.PHONY: bench-profile
bench-profile: postgres bin/bench ## Write a CPU profile of the service under load to bin/cpu.pprof
	$(GO) build -trimpath -tags profile -overlay bench/pprof/overlay.json -o bin/todod-profile ./cmd/todod
	bin/bench -todod bin/todod-profile -profile bin/cpu.pprof $(BENCHFLAGS)

.PHONY: bin/bench
bin/bench: build
	$(GO) build -C bench -o ../bin/bench .

.PHONY: clean
clean: ## Remove build results; the development database stays
	rm -rf bin .import
