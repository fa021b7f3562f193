# Mouthpiece: `make run` opens the window, `make test` checks everything; both set up what they need.

PYTHON := .venv/bin/python
SCREEN := -a -s "-screen 0 1920x1200x24"
PYTEST := $(PYTHON) -m pytest -q -m "not long and not gpu"
export OMP_NUM_THREADS ?= 2

.PHONY: run test test-window test-engine test-methods test-long lint results bundle bundle-cuda clean

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
	@$(MAKE) -s -j2 test-window test-engine test-methods

# Two at a time, in this order: the window's tests wait for sound and pictures more than they compute; the engine's
# compute, give way, and say all they have to say at the end; the methods' take the place of whichever ends first. Each
# has a screen of its own, since where the focus goes is tested, too. Kernels are compiled while tests run that need
# none. A child that is started a hundred times is compiled once, too (PYTHONDONTWRITEBYTECODE).
test-window test-engine test-methods: export PYTHONDONTWRITEBYTECODE :=

define told_at_the_end
said=$$(mktemp); nice -n 5 xvfb-run -n $(1) $(SCREEN) $(PYTEST) $(2) >$$said 2>&1; \
	code=$$?; cat $$said; rm $$said; exit $$code
endef

test-window:
	@xvfb-run -n 120 $(SCREEN) env OMP_NUM_THREADS=1 $(PYTEST) tests/app

test-engine:
	@nice -n 5 $(PYTHON) -m app _warm --training >/dev/null 2>&1 & \
	$(call told_at_the_end,160,--ignore tests/app --ignore tests/engine/methods tests)

test-methods:
	@$(call told_at_the_end,200,tests/engine/methods)

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
