# `make` alone lists the targets. PYTHON=/path/to/python3.12 chooses the interpreter.
# Another interpreter makes a new .venv.

PYTHON ?=
RUN := .venv/bin/python
STAMP := .venv/.installed$(if $(PYTHON),$(subst /,-,-$(PYTHON)))

# Tests and demo bring their own authorities, proxies and settings. Those of the shell would interfere.
# PYTHONDONTWRITEBYTECODE would make every process compile the project and every test worker rewrite all asserts.
CLEAN := env -u PYTHONDONTWRITEBYTECODE -u SSL_CERT_FILE -u SSL_CERT_DIR -u REQUESTS_CA_BUNDLE -u CURL_CA_BUNDLE -u PYTHONPATH -u PYTHONWARNINGS \
	-u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u http_proxy -u https_proxy -u all_proxy
# sys.monitoring measures lines at no cost, from Python 3.12 on. Branches need the tracer before Python 3.14.
CORE = $(shell $(RUN) -c 'import sys; print("ctrace" if "$(BRANCHES)" or sys.version_info < (3, 12) else "sysmon")')
COVERED = COVERAGE_CORE=$(CORE) COVERAGE_FILE="$(CURDIR)/.coverage" COVERAGE_PROCESS_START="$(CURDIR)/pyproject.toml"

.PHONY: help install demo practice site test test-all golden real branches quick fast-bot fast-jobs fast-others quick-random lint unit check diagnose chaos fuzz watch bench scale practice-serve audit docs lock sbom clean

help:
	@echo "make practice        the practice space: try the whole bot in a browser, without an account"
	@echo "make demo            play the whole conversation on this machine, with the real processes and a practice cloud"
	@echo
	@echo "make quick           lint, types and the fast tests of the product, which start no process (under a minute)"
	@echo "make quick-random    the fast tests in a random order (SEED=1 TIMES=10: ten orders that can be repeated)"
	@echo "make test            lint, types and the tests to run before a commit (about seven minutes on two cores)"
	@echo "make test-all        lint, all tests, and the coverage of all processes (about 20 minutes)"
	@echo "make branches        the same with the coverage of branches (takes half as long again)"
	@echo "make golden          write the golden cards of tests/golden again; git diff shows what changed for people"
	@echo "make lint            only ruff and mypy"
	@echo "make check           the same as make test"
	@echo "make diagnose        /check on every named fault, on pairs of them and on healthy channels (about ten minutes)"
	@echo "make chaos           kill workers 200 times and pause them 60 times at every side effect of a setup (about an hour)"
	@echo "make fuzz            odd answers of the clouds, files and inputs, from a seed (SEED=n repeats, ROUNDS=n lengthens)"
	@echo "make watch           a quarter of the watch in virtual time, the faults it notices, and its load (about an hour)"
	@echo "make bench           measure webhook answers and the overlap of work"
	@echo "make scale           measure throughput and cost with up to 50,000 channels and 1, 2 and 4 workers (SIZE=short: fewer events)"
	@echo "make practice-serve  run only the practice cloud, for a bot of your own"
	@echo "make docs            write docs/architecture.md, docs/faults.md, docs/glossary.md, docs/permissions.md and docs/troubleshooting.md"
	@echo "make site            build the documentation site in .site/html (the first time needs the network)"
	@echo "make lock            rewrite requirements*.txt (needs uv)"
	@echo "make sbom            write deploy/sbom.cdx.json, the bill of materials, from requirements.txt"
	@echo "make audit           find known vulnerabilities in the pinned packages (needs the network)"
	@echo "make install         only make .venv"
	@echo "make clean           remove .venv, caches and coverage data"

install: $(STAMP)

$(STAMP): requirements-dev.txt tools/install.sh
	@tools/install.sh $(PYTHON)
	@touch .venv/.installed $@

demo: $(STAMP)
	@$(CLEAN) $(RUN) -m practice demo

practice: $(STAMP)
	@$(CLEAN) $(RUN) -m practice play $(if $(PORT),--port $(PORT))

PYTEST := pytest --quiet -p no:cacheprovider
# Tests of real processes wait more than they compute, so there are more workers than cores.
WORKERS ?= 5
# Those with the longest tests come first, so that no worker ends alone with one of them.
REAL := journeys/test_long_story.py journeys/test_undo.py security chaos browser processes journeys foreign
FAST := $(PYTEST) -p no:rerunfailures

# Each part of the fast tests is one process, because the workers of xdist would take as long again to
# collect all tests and to report each of them. Two parts at a time leave no core idle at the end. They
# yield to the tests of real processes, which take longest.
test: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 3 real lint fast-others fast-jobs fast-bot

real: $(STAMP)
	@$(CLEAN) $(RUN) -m $(PYTEST) --before-commit -m "not slow" -p no:syrupy -rfE --durations=25 --numprocesses $(WORKERS) --dist loadfile \
		--no-loadscope-reorder $(addprefix tests/,$(REAL))

check: test

quick: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target fast-jobs fast-bot fast-others lint QUICK='-m "not slow"'

fast-jobs fast-bot: $(STAMP)
	@nice -n 5 $(CLEAN) $(RUN) -m $(FAST) $(QUICK) tests/unit/$(@:fast-%=%)

fast-others: $(STAMP)
	@nice -n 5 $(CLEAN) $(RUN) -m $(FAST) $(QUICK) $(filter-out %/bot %/jobs $(if $(QUICK),%/practice),$(wildcard tests/unit/*)) tests/golden \
		$(if $(QUICK),,tests/contract tests/faults)

# Tests that depend on the order of tests, or of a hash of Python or Redis, fail in some of these passes.
quick-random: $(STAMP)
	@first=$(or $(SEED),$$(date +%s)); for seed in $$(seq $$first $$((first + $(or $(TIMES),1) - 1))); do \
		echo "SEED=$$seed"; $(CLEAN) PYTHONHASHSEED=$$seed TEST_ORDER=$$seed $(RUN) -m $(FAST) -m "not slow" tests/unit tests/contract || exit; \
	done

lint: $(STAMP)
	@echo "ruff check"; $(RUN) -m ruff check --quiet .
	@echo "ruff format"; $(RUN) -m ruff format --quiet --check .
	@echo "mypy --strict"; $(RUN) -m mypy --strict

golden: $(STAMP)
	@$(CLEAN) $(RUN) -m $(FAST) tests/golden --snapshot-update

test-all: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 2 lint unit

branches: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 2 lint unit BRANCHES=true

# A worker of xdist counts the snapshots that another one has used as unused. make test finds unused ones.
unit: $(STAMP)
	@rm -f .coverage .coverage.*
	@echo "all tests, about 20 minutes on two cores"; status=0; \
	$(CLEAN) PYTHONHASHSEED=0 $(COVERED) $(RUN) -m coverage run -m $(PYTEST) -rfE --durations=25 --numprocesses 4 --dist loadfile \
		--no-loadscope-reorder --snapshot-warn-unused $(TESTS) || status=$$?; \
	$(RUN) -m coverage combine --quiet && $(RUN) -m coverage report || status=$$?; \
	exit $$status

diagnose: $(STAMP)
	@$(CLEAN) $(RUN) -m practice diagnose

chaos: $(STAMP)
	@$(CLEAN) $(RUN) -m practice chaos $(if $(KILLS),--kills $(KILLS)) $(if $(PAUSES),--pauses $(PAUSES)) $(if $(SEED),--seed $(SEED))

fuzz: $(STAMP)
	@$(CLEAN) SEED=$(SEED) ROUNDS=$(ROUNDS) $(RUN) -m pytest -p no:cacheprovider -p no:rerunfailures tests/fuzz $(if $(TESTS),-k "$(TESTS)")

watch: $(STAMP)
	@$(CLEAN) $(RUN) -m bench watch watchfaults watchload

bench: $(STAMP)
	@$(CLEAN) $(RUN) -m bench

scale: $(STAMP)
	@$(CLEAN) $(RUN) -m bench scale$(if $(SIZE),-$(SIZE))

practice-serve: $(STAMP)
	@$(CLEAN) $(RUN) -m practice serve

docs: $(STAMP)
	@PYTHONPATH="$(CURDIR)" $(RUN) tools/permissions.py
	@PYTHONPATH="$(CURDIR)" $(RUN) tools/glossary.py
	@PYTHONPATH="$(CURDIR)" $(RUN) tools/troubleshooting.py
	@$(RUN) tools/architecture.py
	@$(RUN) -m practice.faults.page --write

# MkDocs and its packages are in an environment of their own, because neither the product nor the tests need them.
site: .venv/site/.installed
	@$(RUN) tools/site.py .venv/site/bin/mkdocs

.venv/site/.installed: deploy/requirements-site.txt $(STAMP)
	@$(RUN) -m venv .venv/site
	@.venv/site/bin/python -m pip install --quiet --require-hashes --requirement $<
	@touch $@

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade pyproject.toml

lock:
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra dev --output-file requirements-dev.txt
	$(filter-out pyproject.toml,$(LOCK)) --group site --output-file deploy/requirements-site.txt
	echo 'hatchling>=1.27' | $(filter-out pyproject.toml,$(LOCK)) - --output-file deploy/requirements-build.txt
	$(MAKE) --no-print-directory sbom

sbom: $(STAMP)
	@$(RUN) tools/sbom.py

audit: $(STAMP)
	@test -x .venv/audit/bin/pip-audit || { $(RUN) -m venv .venv/audit && .venv/audit/bin/pip install --quiet pip-audit; }
	@.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements.txt

clean:
	rm -rf .venv .site .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
