# make help lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup train test test-all test-faults test-nightly lint format results pairings messages
PYTHON ?= python3
BIN := .venv/bin
MESSAGES = $(BIN)/python -m babel.messages.frontend --quiet

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/everything ## install everything: all extras, and what tests need

# Each is pinned by constraints.txt; the first is enough to train, score and publish with all defaults.
.venv/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/everything: .venv/core
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@

train: .venv/core ## install what training needs, and train on the synthetic forms with all defaults, offline
	@$(BIN)/python train.py

test: setup ## run the tests that need no server, six to fifteen minutes on two cores
	$(BIN)/python -m pytest -m 'not slow and not nightly'

test-all: setup ## run all tests, those with servers and kills too
	-.ci/spark
	$(BIN)/python -m pytest -m 'not nightly'

test-nightly: setup ## try 100,000 wrong inputs at all doors, more than an hour on two cores; other ones with FUZZ_SEED=2
	$(BIN)/python -m pytest -n 0 -m nightly

test-faults: setup ## kill commands, fail requests, race claims, and print what was lost (nothing); needs .ci/servers
	$(BIN)/python -m pytest -m faults

lint: setup ## check format, style, types and who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

results: setup ## write docs/results.md; other sets with QUALITY='--data FOLDER --sets rome trec'
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/quality.py $(QUALITY) > docs/results.md.new
	mv docs/results.md.new docs/results.md

pairings: setup ## print which processes each model takes
	@PYTHONPATH=tests $(BIN)/python -m helpers.pairs

messages: setup ## bring new sentences of the pages into the catalogues, to be translated there, and compile them
	$(MESSAGES) extract -F babel.cfg -k N_ --no-location --sort-output -o messages.pot .
	$(MESSAGES) update -D libelle -i messages.pot -d src/libelle/locales \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120
	$(MESSAGES) compile -D libelle -d src/libelle/locales
	rm messages.pot
