PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
REPORT := demo-report.html

T ?=
# Slow tests whose lines are counted: not those that call what others call already (pages, schemas, fuzz).
SLOW := $(addprefix tests/,analysis calibration cli clinic cohorts conditioning lymphocyte objective outputs papers predict report simulated train web)
# What the lowest versions are tried on: files read and written, learners, tables and pages; no long models.
LOWEST := tests/units tests/plan tests/dicom tests/outputs tests/report/test_pdf.py tests/predict/test_reference.py tests/cli/test_explain.py

.PHONY: help coverage mutants demo test slow lowest lock release-check lint types docs docs-version fixtures model calibrate bench bench-dvh bench-blood bench-anatomy bench-count bench-start fuzz demo-clinic clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'
	@echo "  make test T=tests/dvh runs one folder, T='-k spleen' one word"

$(BIN)/lymphorisk: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	$(BIN)/python -m compileall -q lymphorisk
	@touch $@

$(VENV)/.docs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q lymphorisk
	@touch $@

demo: $(BIN)/lymphorisk ## install, analyse a built-in plan, say where the report is
	$(BIN)/lymphorisk demo --report $(REPORT)

test: $(VENV)/.dev ## the test suite; T= chooses a part
	$(BIN)/python -m pytest -n auto $(T)

slow: $(VENV)/.dev ## the tests that take minutes
	$(BIN)/python -m pytest -n auto -m slow $(T)

fuzz: $(VENV)/.dev ## thousands of damaged inputs; INPUTS=, SEED=, FOLDER=; writes docs/reliability
	for kind in all trains forms talk; do \
	  inputs=$$([ $$kind = all ] && echo $(or $(INPUTS),30000) || echo 3000); \
	  $(BIN)/python -m tests.fuzz.run --kind $$kind --inputs $$inputs --seed $(or $(SEED),1) --folder $(or $(FOLDER),.fuzz)/$$kind || exit 1; \
	done
	$(BIN)/python -m tests.fuzz.run --folder . --figures $(foreach kind,all trains forms talk,$(or $(FOLDER),.fuzz)/$(kind))
	@$(BIN)/python -c "import atheris" 2>/dev/null && $(BIN)/python -m tests.fuzz.guided -max_total_time=600 || echo "not guided by coverage: pip install atheris"

coverage: $(VENV)/.dev ## branches that the tests run, programs they start counted; which test runs which line; writes docs/tests
	rm -rf .seen && mkdir .seen
	-LYMPHORISK_TESTS_SEEN=.seen $(BIN)/python -m coverage run -m pytest -p tests.strength.contexts -n auto $(T)
	$(BIN)/python -m coverage combine --quiet
	mkdir .seen/slow
	-LYMPHORISK_TESTS_SEEN=.seen/slow COVERAGE_FILE=.seen/slow/data $(BIN)/python -m coverage run -m pytest -p tests.strength.contexts -n auto -m slow $(if $(T),$(T),$(SLOW))
	COVERAGE_FILE=.seen/slow/data $(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m tests.strength.page --coverage .seen/data .seen/slow/data --ran .seen .seen/slow

mutants: $(VENV)/.dev ## faults put into the core, SAMPLE= of each room by SEED=, and the tests that see them; after make coverage; writes docs/tests
	$(BIN)/python -m tests.strength.run --sample $(or $(SAMPLE),40) --seed $(or $(SEED),1) --folder .mutants
	$(BIN)/python -m tests.strength.page --faults .mutants

lowest: ## the declared floors together, in an environment of their own: doctor, demo and a quick part of the tests
	rm -rf $(VENV)-lowest
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python .ci/lowest.py > $(VENV)-lowest/floors.txt
	$(VENV)-lowest/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c $(VENV)-lowest/floors.txt
	$(VENV)-lowest/bin/lymphorisk doctor
	$(VENV)-lowest/bin/lymphorisk demo --report $(VENV)-lowest/demo.html
	$(VENV)-lowest/bin/python -m pytest -n auto $(LOWEST)

lock: ## requirements.lock anew: versions and hashes of all extras; UPGRADE=--upgrade takes the newest
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --all-extras --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --python-version 3.11 $(UPGRADE) pyproject.toml -o requirements.lock

release-check: ## wheel and sdist: same bytes twice, bare installs on every Python, how far numbers move, bill of materials, licences, audit
	$(PYTHON) .ci/release.py --out dist $(if $(WRITE),--write) $(if $(STRICT),--strict) $(if $(QUICK),--quick)

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .ci lymphorisk tests benchmarks fixtures/rtplans/build.py
	$(BIN)/ruff format --check .ci lymphorisk tests benchmarks fixtures/rtplans/build.py

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/.docs ## the documentation site: notebooks run anew, warnings are errors
	rm -rf .cache/mkdocs-jupyter
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

docs-version: $(VENV)/.docs ## this version's site beside the older ones, on the branch gh-pages; PUSH=--push publishes it
	PATH="$(abspath $(BIN)):$$PATH" NO_MKDOCS_2_WARNING=1 $(BIN)/mike deploy --update-aliases $(PUSH) $$($(BIN)/python -c "import lymphorisk; print(lymphorisk.__version__)") latest
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/mike set-default --allow-empty $(PUSH) latest

fixtures: $(VENV)/.dev ## make the fixture plans again
	$(BIN)/python fixtures/rtplans/build.py

calibrate: $(VENV)/.dev ## fit the forecast to published counts
	$(BIN)/python -m lymphorisk.calibration.calibrate --compare --table docs/calibration.md

model: $(VENV)/.dev ## simulate the cohort, train the shipped models
	$(BIN)/lymphorisk train --insilico 20000 --out models/insilico-2026.1
	$(BIN)/lymphorisk train --insilico 20000 --early --out models/early-2026.1

bench-dvh: $(VENV)/.dev
	$(BIN)/python benchmarks/bench_dvh.py $(EXPORT)

bench-blood: $(VENV)/.dev
	$(BIN)/python benchmarks/bench_blood.py

bench-anatomy: $(VENV)/.dev
	$(BIN)/python benchmarks/bench_anatomy.py $(if $(EXPORT),--real $(EXPORT)) $(if $(WRITE),--write)

bench-count: $(VENV)/.dev
	$(BIN)/python benchmarks/bench_count.py

bench-start: $(VENV)/.dev
	$(BIN)/python benchmarks/bench_start.py $(EXPORT)

bench: bench-dvh bench-blood bench-start ## all benchmarks, ratios against peers
	$(BIN)/python benchmarks/bench_conditioning.py
	$(BIN)/python -m pytest benchmarks/bench_lymphocyte.py benchmarks/bench_predict.py

demo-clinic: $(VENV)/.dev ## Orthanc, a receiver and the page on this machine, a plan sent, where to look and a login
	$(BIN)/python -m benchmarks.demo_clinic

clean: ## remove what was made
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-lock build dist $(REPORT)
