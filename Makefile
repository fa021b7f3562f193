# Mouthpiece: `make run` opens the window, `make test` checks everything; both set up what they need.

PYTHON := .venv/bin/python
XVFB := xvfb-run -a -s "-screen 0 1920x1200x24"
export OMP_NUM_THREADS ?= 2

.PHONY: run test test-long lint results bundle bundle-cuda clean

run:
	@packaging/setup.sh run
	@$(PYTHON) -m app _warm
	@$(PYTHON) -m app

test:
	@packaging/setup.sh test
	@$(MAKE) -s lint
	@$(PYTHON) -m app _warm
	$(XVFB) $(PYTHON) -m pytest -q -m "not long and not gpu" tests

test-long:
	@packaging/setup.sh test
	$(XVFB) $(PYTHON) -m pytest -q -m long --timeout 14400 tests

lint:
	@.venv/bin/ruff check engine app tests packaging
	@.venv/bin/ruff format --check -q engine app tests packaging
	@.venv/bin/lint-imports --no-cache >/dev/null || .venv/bin/lint-imports --no-cache

results:
	@packaging/setup.sh test
	$(PYTHON) packaging/results.py

bundle:
	@packaging/bundle.sh cpu

bundle-cuda:
	@packaging/bundle.sh cuda

clean:
	rm -rf build dist out .pytest_cache .ruff_cache .hypothesis
