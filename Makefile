# A thin wrapper around run.py, which works without make as well: python3.12 run.py lab

# The first of these that runs. Being on the PATH is not enough: version managers put stand-ins there.
PYTHON ?= $(shell for p in python3.15 python3.14 python3.13 python3.12 python3.11 python3 python; do \
	if $$p -c '' >/dev/null 2>&1; then echo $$p; break; fi; done)
RUN := $(if $(PYTHON),$(PYTHON) run.py,@echo "No Python found: install Python 3.11 or newer." >&2; false)

.PHONY: help lab test test-all check lint notebooks lock test-matrix test-wheel test-wasm lite site test-site bench clean
help:
	@$(RUN) --help

lab:
	@$(RUN) lab

# make test ARGS="-k lesson_05": arguments for pytest
test:
	@$(RUN) test $(ARGS)

test-all:
	@$(RUN) test-all $(ARGS)

# make check LESSON=05: everything that is asked of one lesson
check:
	@$(RUN) check $(LESSON)

lint:
	@$(RUN) lint

# make notebooks LESSON=05: one lesson only
notebooks:
	@$(RUN) notebooks $(LESSON)

lock:
	@$(RUN) lock $(ARGS)

test-matrix:
	@$(RUN) test-matrix

# make test-wheel ARGS="--python 3.13": on one Python
test-wheel:
	@$(RUN) test-wheel $(ARGS)

# make test-wasm LESSON=05: one lesson only
test-wasm:
	@$(RUN) test-wasm $(LESSON) $(ARGS)

lite:
	@$(RUN) lite $(ARGS)

# make site LESSON=05: one lesson only, to look at it
site:
	@$(RUN) site $(LESSON)

test-site:
	@$(RUN) test-site $(ARGS)

bench:
	@$(RUN) bench

clean:
	@$(RUN) clean
