PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
REPORT := demo-report.html

.PHONY: demo test slow lint types fixtures model calibrate bench bench-dvh bench-blood clean

$(BIN)/lymphorisk: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(BIN)/lymphorisk
	$(BIN)/lymphorisk demo --report $(REPORT)
	@echo "The report is $(CURDIR)/$(REPORT)"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check lymphorisk tests benchmarks fixtures/rtplans/build.py
	$(BIN)/ruff format --check lymphorisk tests benchmarks fixtures/rtplans/build.py

types: $(VENV)/.dev
	$(BIN)/mypy

fixtures: $(VENV)/.dev
	$(BIN)/python fixtures/rtplans/build.py

calibrate: $(VENV)/.dev
	$(BIN)/python -m lymphorisk.calibration.calibrate --compare --table docs/calibration.md

model: $(VENV)/.dev
	$(BIN)/lymphorisk train --insilico 20000 --out models/insilico-2026.1
	$(BIN)/lymphorisk train --insilico 20000 --early --out models/early-2026.1

bench-dvh: $(VENV)/.dev
	$(BIN)/python benchmarks/bench_dvh.py $(EXPORT)

bench-blood: $(VENV)/.dev
	$(BIN)/python benchmarks/bench_blood.py

bench: bench-dvh bench-blood
	$(BIN)/python benchmarks/bench_conditioning.py
	$(BIN)/python -m pytest benchmarks/bench_lymphocyte.py benchmarks/bench_predict.py

clean:
	rm -rf $(VENV) build dist $(REPORT)
