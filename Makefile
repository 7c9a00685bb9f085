# Each target is the only command needed on a machine with Python 3.11 or newer, make and git.
# What it needs it makes: .venv, the locked packages, the browser's files, a Chromium. Nothing is installed elsewhere.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run test setup production lint format strings lock audit bench chaos interop screenshots

# Where it is set, each process compiles every module again: 4 s of a core.
unexport PYTHONDONTWRITEBYTECODE

PYTHON_IN = .venv/bin/python
WORKERS ?= 4

# Python's own files first: `tools/find-python` says what is missing in one line.
ready = python=$$(tools/find-python) && "$$python" -m tools.setup

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 22

run: ## the demo clinic on http://127.0.0.1:8000 until Ctrl-C (PORT=, DATABASE_URL= ...)
	@$(ready) run && exec $(PYTHON_IN) -m tools.run

test: ## every test, on SQLite, PostgreSQL and in a browser, with the smoke of the drills (ARGS= for pytest, WORKERS=4)
	@$(ready) test && exec $(PYTHON_IN) -m pytest -n $(WORKERS) $(ARGS)

setup: ## the environment of tests and tools, for work on Seriate
	@$(ready) test

production: ## what a clinic's installation needs and nothing else: locked packages, browser files, compiled
	@$(ready) production

lint: ## ruff, mypy, djlint and bandit
	@$(ready) test && exec $(PYTHON_IN) -m tools.lint

format: ## put the code into ruff's format
	@$(ready) test && $(PYTHON_IN) -m ruff check --fix-only --quiet . && $(PYTHON_IN) -m ruff format .

strings: ## every text that people read, with file and line (ARGS= some files or folders)
	@$(ready) test && exec $(PYTHON_IN) -m tools.strings $(ARGS)

lock: ## write the hashed locks from requirements/*.in (UPGRADE=1 takes newer versions)
	@$(ready) test && exec $(PYTHON_IN) -m tools.lock $(if $(UPGRADE),--upgrade)

audit: ## known vulnerabilities of the locked packages (asks the advisory service)
	@$(ready) test && exec $(PYTHON_IN) -m pip_audit --strict --disable-pip --require-hashes -r requirements/dev.txt

bench: ## the benchmarks, which print ratios; the planner's go to docs/benchmarks.md (ARGS= for pytest)
	@$(ready) test && $(PYTHON_IN) -m tests.benchmarks && \
	    exec $(PYTHON_IN) -m pytest tests/benchmarks -o python_files='bench_*.py' -n 0 -s $(ARGS)

chaos: ## the drills (CHAOS=smoke|full, DRILL= one of them, N= rounds, FIRST= walk, SEED=, MINUTES= of a storm, MORE=1 to add to a row)
	@$(ready) test && exec env CHAOS=$(or $(CHAOS),smoke) $(PYTHON_IN) -m pytest tests/chaos $(if $(filter full,$(CHAOS)),-n 0 -s --timeout=0,-n $(WORKERS)) \
	    $(if $(DRILL),-k '$(DRILL)') $(ARGS)

interop: ## calendars and mail read by programs of the system, and by more parsers (LIBICAL= names a file)
	@$(ready) test && exec $(PYTHON_IN) -m pytest tests/ical tests/interop -o python_files='check_*.py' -n 0 -s $(ARGS)

screenshots: ## the pictures of the pages and the mails, from a demo of their own
	@$(ready) test && exec $(PYTHON_IN) -m tools.screenshots
