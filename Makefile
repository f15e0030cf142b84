# `make demo` and `make test` set up everything they need, once: Python packages in .venv, system packages with apt.

# COMMAND:PACKAGE, for what tests call: the package is installed where the command is missing,
# one with a question mark only where there is one: Ubuntu has Chromium as a snap alone.
SYSTEM_PACKAGES := tshark:tshark node:nodejs chromium:chromium? pdftotext:poppler-utils lspci:pciutils
# For the co-verification: Icarus Verilog, and what Verilator builds its C++ with (ccache: the same C++ once).
HDL_PACKAGES := iverilog:iverilog g++:g++ perl:perl ccache:ccache

CONFIG ?= configs/sriov_10g_gen2x4.yaml
PYTEST_ARGS ?=
COSIM_ARGS ?=
SIM ?= icarus
MUTANTS_ARGS ?=
STUDIES ?=
# Lengths of random runs: those of the tests, or with `make nightly` longer ones, with new examples each time.
EXAMPLES ?= repository
LENGTHS ?=
LONG_RUNS := cocotb_tests/test_equivalence.py --only test_core_decides_as_the_model_for_long
# What reaches the Verilog's bits, small builds of one module above all; and what does so for as long as a night allows.
COVERAGE_TESTS := $(patsubst %,cocotb_tests/test_%.py,equivalence registers counters switch_control switch_tables \
	address_table vlan_table list_table parser classify forward forwarding_engine tag_out ingress_fifo input_arbiter \
	output_queues output_reader output_scheduler)
COVERAGE_NIGHTLY := $(patsubst %,cocotb_tests/test_%.py,raw_registers pools_and_pauses decode axi_lite_registers)
BENCH ?= $(sort $(shell grep -l __main__ benches/*.py))
PYTHON_FILES := hwmodel tests rtl cocotb_tests docs_site $(wildcard benches)

BIN := .venv/bin
RUN_STAMP := .venv/.run-is-set-up
DOCS_STAMP := .venv/.docs-is-set-up
TEST_STAMP := .venv/.test-is-set-up
HDL_STAMP := .venv/.hdl-is-set-up
SILICON_STAMP := .venv/.silicon-is-set-up

.PHONY: demo test test-fast nightly engine cosim cosim-icarus cosim-verilator coverage mutants lint bench bench-report studies docs registers proofs \
	synth versions clean distclean moved

demo: $(RUN_STAMP)
	@mkdir -p out
	$(BIN)/hwmodel run "$(CONFIG)" --report out/demo.html --json out/demo.json
	@echo "The report is in out/demo.html, the figures are in out/demo.json."

# Everything, whatever fails on the way; results go to out/, a JUnit file for each part.
test: $(HDL_STAMP)
	@MAKE="$(MAKE)" scripts/make-each lint+ engine cosim-icarus cosim-verilator

test-fast: $(TEST_STAMP)
	$(BIN)/python -m pytest -n auto -m "not slow" $(PYTEST_ARGS)
	@echo "Left out, and in 'make test': the slow tests of tests/, the Verilog with its co-verification, lint."

# As `make test`, with random runs as long as a night allows.
nightly: $(HDL_STAMP)
	@MAKE="$(MAKE) EXAMPLES=nightly LENGTHS=--nightly" scripts/make-each lint+ engine cosim-icarus cosim-verilator

# The model: all of tests/. Whoever has nothing left to do takes tests over from the other.
engine: $(TEST_STAMP)
	@mkdir -p out
	$(BIN)/python -m pytest -n auto --dist worksteal --hypothesis-profile $(EXAMPLES) --junitxml out/tests.xml $(PYTEST_ARGS)

# The Verilog against the model. SIM=icarus or verilator; builds are kept under build/. In parallel, the tests of a file
# stay in one process, since some share what they build and count; the files with the slow ones begin.
cosim: $(HDL_STAMP)
	@mkdir -p out
	$(BIN)/python -m pytest cocotb_tests -n auto --dist loadfile --no-loadscope-reorder \
		--sim $(SIM) $(LENGTHS) --junitxml "out/cosim-$(SIM).xml" $(COSIM_ARGS) $(PYTEST_ARGS)

cosim-icarus:
	@$(MAKE) --no-print-directory cosim SIM=icarus

# Without what is the same under each simulator (proofs, lint of the Verilog, ...), and, but for a night, without modules
# by themselves, which take Verilator longer to build than Icarus to test with the same inputs: both stand with Icarus.
cosim-verilator:
	@$(MAKE) --no-print-directory cosim SIM=verilator COSIM_ARGS="--simulated --cores"

# Which combinations the traffic has tried, over seeds and simulators, and which lines, branches and toggles of the
# Verilog the tests reach: out/coverage.html. Fails if what is wanted is not reached and no waiver explains it.
coverage: $(HDL_STAMP)
	@rm -rf out/coverage
	$(BIN)/python -m pytest $(LONG_RUNS) --sim icarus --seed 2 --frames 1500 $(PYTEST_ARGS)
	$(BIN)/python -m pytest $(LONG_RUNS) --sim verilator --seed 3 $(PYTEST_ARGS)
	$(BIN)/python -m pytest $(COVERAGE_NIGHTLY) --sim verilator --nightly --hdl-coverage report $(PYTEST_ARGS)
	$(BIN)/python -m pytest $(COVERAGE_TESTS) --sim verilator --hdl-coverage complete $(PYTEST_ARGS)

# Faults planted in the Verilog, each of which a test must find. MUTANTS_ARGS="--random 300 --seed 1" draws some instead.
mutants: $(HDL_STAMP)
	$(BIN)/python -m cocotb_tests.mutants $(MUTANTS_ARGS)

lint: $(TEST_STAMP)
	$(BIN)/ruff check --quiet $(PYTHON_FILES)
	$(BIN)/ruff format --check --quiet $(PYTHON_FILES)
	$(BIN)/mypy --no-error-summary

bench: $(TEST_STAMP)
	@for bench in $(BENCH); do echo "== $$bench"; $(BIN)/python -m "benches.$$(basename "$$bench" .py)" || exit 1; done

# The VM-to-VM table in docs/, run anew; `make studies` does the same for the pages of the studies, or of some of them.
bench-report: $(TEST_STAMP)
	$(BIN)/python -m benches.vm_to_vm

studies: $(TEST_STAMP)
	$(BIN)/python -m benches.studies $(STUDIES)

# The documentation as a site that needs no network. Strict: a link that leads nowhere fails (with --quiet it would not).
docs: $(DOCS_STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The documentation is in out/site/index.html."

registers: $(RUN_STAMP)
	$(BIN)/python rtl/generate_registers.py

# Of the Verilog, with Yosys, z3 and nextpnr: proofs of its blocks; its size in gates, its memories, its clock.
proofs: $(HDL_STAMP)
	$(BIN)/python rtl/formal/proofs.py

synth: $(SILICON_STAMP)
	$(BIN)/python rtl/synthesis.py
	$(BIN)/python rtl/memory_mapping.py
	$(BIN)/python rtl/place_and_route.py

versions: $(HDL_STAMP)
	@$(BIN)/python --version
	@$(BIN)/python -m pip list --disable-pip-version-check --format freeze
	@for command in "tshark --version" "iverilog -V" "g++ --version"; do $$command 2>/dev/null | head -n 1; done

clean:
	rm -rf out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find hwmodel tests benches cocotb_tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	rm -rf .venv

# An environment that was moved or copied along with its checkout still points at the old one: it is made anew.
MOVED := $(shell [ ! -e .venv/.checkout ] || [ "$$(cat .venv/.checkout)" = "$$(pwd -P)" ] || echo moved)

$(RUN_STAMP): pyproject.toml constraints.txt $(MOVED)
	@scripts/setup-venv report
	@touch $@

$(DOCS_STAMP): pyproject.toml constraints.txt $(MOVED)
	@scripts/setup-venv report,docs
	@touch $@ $(RUN_STAMP)

$(TEST_STAMP): pyproject.toml constraints.txt $(MOVED)
	@scripts/install-system-packages $(SYSTEM_PACKAGES)
	@scripts/setup-venv dev,report,docs,cluster,frames
	@touch $@ $(RUN_STAMP) $(DOCS_STAMP)

$(HDL_STAMP): pyproject.toml constraints.txt $(MOVED)
	@scripts/install-system-packages $(SYSTEM_PACKAGES) $(HDL_PACKAGES)
	@scripts/setup-venv dev,report,docs,cluster,frames,hdl
	@touch $@ $(TEST_STAMP) $(RUN_STAMP) $(DOCS_STAMP)

# Place and route, of 167 MB, for `make synth` alone.
$(SILICON_STAMP): $(HDL_STAMP)
	@scripts/setup-venv silicon
	@touch $@
