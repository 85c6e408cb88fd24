# make lab        open the course in JupyterLab (the first time: install it into .venv, nothing outside this folder)
# make check      the quick tests, while you work: library, style, sources; no notebook runs, no browser, no marking
# make test       run every test: the library, the lessons, the repository itself; two at a time, each on one thread
# make notebooks  build the notebooks from sources/ and run them (only some: make notebooks LESSONS="01 ps03")
# make sources    put what was edited in notebooks/ or solutions/ into sources/, then build those (LESSONS as above)
# make book       make the web book of lessons, problem sets and pages: book/_build/html/index.html
# make slides     make slides of the lessons: build/slides/NN_topic.html (only some: make slides LESSONS="03 08")
# make handout    make what a class gets: build/handout.zip, lessons without outputs and problem sets
# make doctor     say what this machine has, and how to fix what is missing

PYTHON     ?= python3
PIP_EXTRA  ?=
LAB_FLAGS  ?=
TEST_FLAGS ?=
LESSONS    ?=

VENV   := .venv
RUN    := $(VENV)/bin/python
INSTALL = $(RUN) -m pip install $(PIP_EXTRA) --constraint constraints.txt --editable

# JupyterLab refuses to run as root, as in a container, unless told.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab check test notebooks sources book slides handout doctor

lab: $(VENV)/lab-installed $(VENV)/lab-settings $(VENV)/lab-trusted
	$(RUN) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(AS_ROOT) $(LAB_FLAGS)

# How JupyterLab and its kernels behave here, put into the environment: the reader's own settings stay as they are.
$(VENV)/lab-settings: $(shell find lab -type f) | $(RUN)
	@mkdir -p $(VENV)/etc && cp -R lab/. $(VENV)/etc/
	@touch $@

# The course's notebooks are trusted, so that their films play before anything is run.
$(VENV)/lab-trusted: $(wildcard notebooks/*.ipynb exercises/*/*.ipynb solutions/*/*.ipynb) | $(VENV)/lab-installed $(VENV)/lab-settings
	@$(RUN) -m nbformat.sign $? >/dev/null
	@touch $@

# A processor with wider registers sums in another order, and short runs drift to other pictures: tests use AVX2 everywhere.
# The folder on PYTHONPATH shuts the network off in every Python process: the whole course works offline.
# Modules run in the order of tests/conftest.py, longest first, so that no core idles at the end.
PYTEST = PYTHONPATH="$(CURDIR)/tests/offline" DIL_PROFILE=quick OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX2 \
  $(RUN) -m pytest -n 2 --dist loadscope --no-loadscope-reorder

check: $(VENV)/test-installed
	$(PYTEST) -m "not slow" $(TEST_FLAGS) tests

test: $(VENV)/test-installed
	$(PYTEST) --nbval-lax --nbval-current-env $(TEST_FLAGS) tests notebooks

notebooks: $(VENV)/test-installed
	$(RUN) sources/build.py $(LESSONS)

sources: $(VENV)/test-installed
	$(RUN) sources/build.py --from-notebooks $(LESSONS)

book: $(VENV)/book-installed
	$(RUN) -m sphinx -E -W --keep-going -q -c book -d book/_build/doctrees . book/_build/html

slides: $(VENV)/book-installed
	$(RUN) -m teaching.slides $(LESSONS)

handout: $(VENV)/lab-installed
	$(RUN) -m teaching.handout

doctor: $(VENV)/lab-installed
	$(RUN) -m dil_course doctor

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This course needs Python 3.11 or newer; '$(PYTHON)' is older or missing."; \
	  echo "Install one from python.org, then name it:  make lab PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The empty files remember what is installed, so that the next start is immediate.
$(VENV)/lab-installed: pyproject.toml constraints.txt | $(RUN)
	@echo "Installing the course into $(VENV): a few minutes the first time."
	$(INSTALL) .
	@touch $@

$(VENV)/test-installed: pyproject.toml constraints.txt | $(RUN)
	@echo "Installing the course and its test tools into $(VENV): a few minutes the first time."
	$(INSTALL) '.[test,hub]'
	@touch $@ $(VENV)/lab-installed

$(VENV)/book-installed: pyproject.toml constraints.txt | $(RUN)
	@echo "Installing the course and the tools of its web book into $(VENV): a few minutes the first time."
	$(INSTALL) '.[book]'
	@touch $@ $(VENV)/lab-installed
