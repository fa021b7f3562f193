# Mouthpiece: `make run` opens the window, `make test` checks everything; both set up what they need.

PYTHON := .venv/bin/python
SCREEN := -a -s "-screen 0 1920x1200x24"
PYTEST := $(PYTHON) -m pytest -q -m "not long and not gpu"
export OMP_NUM_THREADS ?= 2

.PHONY: run test test-window test-engine test-long lint results bundle bundle-cuda clean

run:
	@packaging/setup.sh run
	@$(MAKE) -s .venv/.warmed
	@$(PYTHON) -m app

# What is compiled is kept beside the sources, until one of them changes.
.venv/.warmed: $(shell find engine -name '*.py')
	@$(PYTHON) -m app _warm
	@touch $@

test:
	@packaging/setup.sh test
	@$(MAKE) -s lint
	@$(MAKE) -s -j2 test-window test-engine

# Side by side: the window's tests wait for sound and pictures more than they compute; the engine's compute, give way,
# and say all they have to say at the end. Each has a screen of its own, since where the focus goes is tested, too.
# Kernels are compiled while tests run that need none. A child that is started a hundred times is compiled once, too
# (PYTHONDONTWRITEBYTECODE).
test-window test-engine: export PYTHONDONTWRITEBYTECODE :=

test-window:
	@xvfb-run -n 120 $(SCREEN) env OMP_NUM_THREADS=1 $(PYTEST) tests/app

test-engine:
	@said=$$(mktemp); nice -n 5 $(PYTHON) -m app _warm --training >/dev/null 2>&1 & \
	nice -n 5 xvfb-run -n 160 $(SCREEN) $(PYTEST) --ignore tests/app tests >$$said 2>&1; \
	code=$$?; cat $$said; rm $$said; wait; exit $$code

test-long:
	@packaging/setup.sh test
	xvfb-run $(SCREEN) $(PYTHON) -m pytest -q -m long --timeout 14400 tests

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
