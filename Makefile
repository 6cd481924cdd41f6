# Set-up, runs and tests. `make help` says what there is.

PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Settings of a run: `make run NAME=yard PROFILE=smoke DATA=clips SEED=1`. Left empty, an existing
# run keeps what it was made with; a new one is called demo and has the profile demo.
NAME :=
PROFILE :=
DATA :=
GROUP_PATTERN :=
ANNOTATIONS :=
FPS :=
SEED :=
EPOCHS :=
VARIANT :=
MODEL :=
RECIPE :=
FOLDS :=
GRID :=
RECORDINGS :=
TENSORBOARD :=
WANDB :=
STEPS :=
NAMES :=
ARGS :=
UPGRADE :=

SETTINGS := NAME PROFILE DATA GROUP_PATTERN ANNOTATIONS FPS SEED EPOCHS VARIANT MODEL RECIPE FOLDS VIEWS \
  DANGERS ALARM COMPARE GRID RECORDINGS TENSORBOARD WANDB
# Through the environment and unexpanded, so that quotes and dollars of a pattern arrive as typed.
$(foreach setting,$(SETTINGS),$(eval export ASKED_$(setting) := $$(value $(setting))))
export UV_HTTP_TIMEOUT ?= 300

.DEFAULT_GOAL := help
.PHONY: help install run study report lists export bench test lab lint format strip chromium lock

help: ## list the targets and the settings of a run
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
	@echo
	@echo "Settings of \`make run\`, all optional:"
	@echo "  NAME=demo          name of the run; everything goes to runs/NAME/"
	@echo "  PROFILE=demo       size: smoke (seconds), demo (CPU, minutes), paper (GPU)"
	@echo "  DATA=folder        a folder of class folders; without it the simulated yard"
	@echo "  GROUP_PATTERN=...  regular expression; its first group names a clip's recording"
	@echo "  ANNOTATIONS=lists  lists of clips, as mmaction2 or Kinetics has them; file, folder, pattern"
	@echo "  FPS=25             frame rate of clips that are folders of pictures"
	@echo "  SEED=0  EPOCHS=4  TENSORBOARD=1  WANDB=1"
	@echo "  VARIANT=tiny       named size of the transformer, such as timesformer_hr, or a CNN"
	@echo "  MODEL='attention_type=axial positional_embedding=space'   keywords of the backbone"
	@echo "  RECIPE='lr=0.001 accumulate=4 compile=true'               how it is trained"
	@echo "  FOLDS=5            cross-validation too, by recordings; FOLDS=groups leaves out one at a time"
	@echo "  VIEWS=4x3          views of a clip in tests: clips of frames x crops"
	@echo "  DANGERS='A,B'      classes that are dangers"
	@echo "  ALARM='recall=0.9 prevalence=0.001'   what is asked of the alarm"
	@echo "  COMPARE=other      run whose predictions are compared, and that the report sets beside"
	@echo "  RECORDINGS=place   untrimmed videos that events are detected in: a file or a folder"
	@echo "  STEPS=03_evaluate  stop after this notebook"

install: $(INSTALLED) ## install everything into .venv

run: $(INSTALLED) ## execute the notebooks whose inputs changed
	@$(BIN)/python -m doit -f dodo.py \
	  $(foreach setting,$(SETTINGS),"$(setting)=$$ASKED_$(setting)") $(STEPS)

study: $(INSTALLED) ## train the whole grids of notebooks 05 and 06, hours; goes on where it was cut
	@$(MAKE) --no-print-directory run GRID=full \
	  STEPS="05_compare_attention_schemes 06_compare_with_cnns"

report: $(INSTALLED) ## export runs and write their report into figures/ (NAMES='demo other')
	@$(BIN)/python -m helpers.report --names $(or $(NAMES),$(NAME),demo) $(ARGS)

lists: $(INSTALLED) ## write a run's clips as lists for mmaction2 (ARGS="--kind rawframes")
	@$(BIN)/python -m helpers.clips.export --name "$$ASKED_NAME" $(ARGS)

export: $(INSTALLED) ## write a run's model as ONNX, to use without this repository
	@$(BIN)/python -m helpers.deployment.export --name "$$ASKED_NAME" $(ARGS)

bench: $(INSTALLED) ## time the backbone beside other implementations (ARGS="--out results.json")
	@$(BIN)/python -m benchmarks.compare_backbones $(ARGS)

test: $(INSTALLED) ## run the tests (ARGS="-k split" for some of them)
	@$(BIN)/python -m pytest $(ARGS)

lab: $(INSTALLED) ## open the notebooks in JupyterLab
	@$(BIN)/python -m jupyterlab notebooks

lint: $(INSTALLED) ## check style and format of code and notebooks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(INSTALLED) ## put code and notebooks into the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

strip: $(INSTALLED) ## take outputs out of the notebooks before a commit
	@$(BIN)/nbstripout --keep-id \
	  --extra-keys "metadata.papermill metadata.widgets cell.metadata.papermill" \
	  notebooks/*.ipynb

lock: $(BIN)/uv ## pin all versions again (UPGRADE=--upgrade for the newest)
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 \
	  --fork-strategy fewest --no-emit-package decord --no-emit-package opencv-python \
	  --no-emit-package opencv-contrib-python --custom-compile-command "make lock" \
	  $(UPGRADE) -o requirements.lock
	PYTHONPATH=src $(BIN)/python -m helpers.pipeline.pins environment.yml requirements.lock

# The lock is complete, so nothing is resolved: mmaction2's own list would bring decord and two
# more OpenCV builds. Installed again only when the lock or pyproject.toml changed.
$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/uv
	@echo "Installing requirements.lock into $(VENV) (6 GB with torch's CUDA libraries)"
	@[ -t 1 ] || quiet=--quiet; \
	$(BIN)/uv pip install $$quiet --python $(BIN)/python --no-deps -r requirements.lock && \
	$(BIN)/uv pip install $$quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(MAKE) --no-print-directory chromium
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Figures as png, pdf and svg are drawn by a Chromium or Chrome. Without one everything else works.
FIND_BROWSER := import subprocess, sys; \
from choreographer.browsers.chromium import Chromium; \
path = Chromium.find_browser(skip_local=False); \
sys.exit(not path or subprocess.run([path, "--version"], capture_output=True).returncode)

chromium: | $(BIN)/uv ## make sure there is a Chromium for png, pdf and svg figures
	@has_browser() { $(BIN)/python -c '$(FIND_BROWSER)' 2>/dev/null; }; \
	has_browser && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for static figures"; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1; \
	else \
	  echo "Fetching Chrome for static figures"; \
	  $(BIN)/kaleido_get_chrome >/dev/null 2>&1; \
	fi; \
	has_browser || echo "No Chromium or Chrome: figures are written as html alone. For png, pdf" \
	  "and svg install the package 'chromium' (or Google Chrome), then run 'make chromium'."
