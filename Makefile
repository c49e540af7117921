# make demo | make test | make check | make lock — everything goes into .venv; uv is used where it is, else fetched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)

.PHONY: demo test check serve bench docs lock clean servers

demo: $(VENV)/.run
	$(BIN)/entourage demo

serve: $(VENV)/.run
	$(BIN)/entourage serve

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $${ENTOURAGE_TEST_WORKERS:-2} --dist loadgroup

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

servers: $(VENV)/.dev
	$(BIN)/python tests/servers/install.py

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# Pins and hashes of everything that is installed, for the product and for its tests. No index is named.
lock: $(BIN)/uv
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Entourage needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: $(BIN)/python
	@command -v uv >/dev/null 2>&1 || $(BIN)/python -m pip install -q --disable-pip-version-check 'uv>=0.9'

$(VENV)/.run: $(BIN)/uv requirements.txt pyproject.toml
	@test -e $(VENV)/.dev || $(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.dev: $(BIN)/uv requirements-dev.txt pyproject.toml
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .ruff_cache .hypothesis .servers
