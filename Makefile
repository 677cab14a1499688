# What a person types. Every target does its own set-up, in .venv.

PYTHON ?= python3
# The build of FAISS, cpu or gpu: the one that .venv has, until another is named.
FAISS ?= $(or $(shell cat .venv/faiss 2>/dev/null),cpu)
PHOTOS ?= .cache/samples
INDEX ?= index
SENTENCE ?= a man taking a picture
DATA ?= ../shared/data/flickr8k
CAPTIONS ?= ../shared/data/flickr30k_captions
COUNT ?= 100000
PEERS ?=
export PHOTOS INDEX SENTENCE DATA CAPTIONS

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
READY := .venv/ready-$(FAISS)
READY_DEV := .venv/ready-dev-$(FAISS)

.DEFAULT_GOAL := help
.PHONY: help env index test scale fault pictures cells encoders report throughput speed bench growth calibration ablation lint check format constraints clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(READY_DEV) ## Create .venv with everything that the other targets need

index: $(READY) ## Index the sample photos (or PHOTOS=dir, INDEX=dir) and search them for SENTENCE
ifeq ($(PHOTOS),.cache/samples)
	@$(BIN)/python -m indexer.samples "$$PHOTOS"
endif
	$(BIN)/retrieve index "$$PHOTOS" --index "$$INDEX"
	$(BIN)/retrieve search "$$SENTENCE" --index "$$INDEX" -k 3

test: $(READY_DEV) ## Run the tests, each process of them on a core of its own
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

scale: $(READY_DEV) ## Prove that an evaluation of 25,000 queries takes less than a gigabyte (minutes)
	$(BIN)/python -m pytest -m long

fault: $(READY_DEV) ## Prove at full length that no photo can be lost, and measure what that costs (half an hour)
	RETRIEVE_FAULT=full $(BIN)/python -m pytest tests/fault

pictures: $(READY_DEV) ## Draw the README's pictures anew from the sample photos
	@$(BIN)/python -m indexer.samples .cache/samples
	$(BIN)/retrieve caption .cache/samples/astronaut.png --attention .readme/attention.jpg
	$(BIN)/retrieve caption .cache/samples/*.* --states .cache/states.html
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1180,560 \
	  --screenshot=.readme/states.png "file://$$PWD/.cache/states.html"
	RETRIEVE_PICTURES="$$PWD/.readme" $(BIN)/python -m pytest -q tests/e2e/test_page.py -k pictures

cells: $(READY) ## Train the three cells on DATA with one budget, write RESULTS.md's table and draw its picture of them
	$(BIN)/retrieve train captioner "$$DATA" --config configs/cells.toml --diagnose .cache/cells
	@cp .cache/cells/diagnosis.png .readme/cells.png
	@$(BIN)/python -m indexer.captioner.training.compare .cache/cells/simple .cache/cells/gru .cache/cells/lstm > .cache/cells.md
	@$(BIN)/python -m eval.report.readme_part RESULTS.md cells < .cache/cells.md

encoders: $(READY) ## Train over four encoders on a slice of DATA with one budget and write RESULTS.md's table of them
	for encoder in efficientnet-lite2 hourglass resnet hrnet; do \
	  $(BIN)/retrieve train captioner "$$DATA" --config configs/encoders/$$encoder.toml --out .cache/encoders/$$encoder || exit; \
	done
	@$(BIN)/python -m indexer.captioner.training.compare .cache/encoders/efficientnet-lite2 .cache/encoders/hourglass \
	  .cache/encoders/resnet .cache/encoders/hrnet > .cache/encoders.md
	@$(BIN)/python -m eval.report.readme_part RESULTS.md encoders < .cache/encoders.md

report: $(READY_DEV) ## Evaluate on DATA's test split and on photos of Debian's packages (270 MB), and write the tables of README.md and RESULTS.md anew
	$(BIN)/retrieve eval "$$DATA" --out report --rerank
	@$(BIN)/python -m eval.dataset.unseen_photos .cache/unseen
	$(BIN)/retrieve eval .cache/unseen --out report/unseen --rerank
	@$(BIN)/python -m eval.report.readme report README.md RESULTS.md

throughput: $(READY_DEV) ## Measure indexing of DATA's photos in each runtime, beside its CNN alone, and the memory of it (minutes)
	@mkdir -p .cache
	$(BIN)/retrieve bench index "$$DATA/images" --count 8192 > .cache/throughput.md
	@$(BIN)/python -m eval.report.readme_part README.md throughput < .cache/throughput.md

speed: $(READY_DEV) ## Measure the service and its page over 10,000 photos, beside what is asked of them (minutes)
	@mkdir -p .cache
	$(BIN)/python -m tests.e2e.measure_service > .cache/speed.md
	@$(BIN)/python -m eval.report.readme_part README.md speed < .cache/speed.md

bench: $(READY) ## Measure our vector index beside other engines, over COUNT sentences of CAPTIONS (minutes; a million: an hour)
	$(INSTALL) --editable '.[bench]'
	@mkdir -p .cache
	$(BIN)/retrieve bench search --captions "$$CAPTIONS" --count $(COUNT) $(PEERS) --keep .cache/bench > .cache/bench.md
	@$(BIN)/python -m eval.report.readme_part $(if $(filter 100000,$(COUNT)),README.md,RESULTS.md) bench-$(COUNT) < .cache/bench.md

growth: $(READY) ## Measure search at growing sizes, and work out what more photos take, of which INDEX gives the size (minutes)
	@mkdir -p .cache
	$(BIN)/retrieve bench growth --captions "$$CAPTIONS" --index "$$INDEX" --keep .cache/bench \
	  --picture .readme/growth.png > .cache/growth.md
	@$(BIN)/python -m eval.report.readme_part RESULTS.md growth < .cache/growth.md

calibration: $(READY_DEV) ## Fit anew on DATA's validation split how sure a hit is, after a change of the shipped models
	$(BIN)/retrieve calibrate "$$DATA" --out .cache/calibration
	cp .cache/calibration/calibration.json retrieval/search/calibrations/flickr8k.json

ablation: $(READY_DEV) ## Measure what each part gives, on DATA's validation split and on photos of Debian's packages, after a change of the shipped models (half an hour)
	$(BIN)/retrieve ablate "$$DATA" --config configs/ablation.toml --out .cache/ablation
	cp .cache/ablation/ablation.json eval/ablation/flickr8k.json
	@$(BIN)/python -m eval.dataset.unseen_photos .cache/unseen
	$(BIN)/retrieve ablate .cache/unseen --split test --config configs/ablation.toml --out .cache/ablation/unseen
	cp .cache/ablation/unseen/ablation.json eval/ablation/unseen.json

lint: $(READY_DEV) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## What CI runs: lint, then test

format: $(READY_DEV) ## Format the code and sort its imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: $(READY_DEV) ## Write constraints.txt anew from what .venv holds
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean: ## Remove .venv, the sample photos and what the checks cached
	rm -rf .venv .cache/samples build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) --version 2>/dev/null) || found="not there"; \
	  echo "make: $(PYTHON) is $$found, Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3" >&2; \
	  exit 1; }
	@$(BIN)/pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || { \
	  rm -rf .venv; \
	  echo "make: $(PYTHON) cannot make an environment; install its venv module (python3-venv on Debian)" >&2; \
	  exit 1; }
	@rm -f .venv/ready-*
	@[ "$$(cat .venv/faiss 2>/dev/null || echo $(FAISS))" = $(FAISS) ] || \
	  $(BIN)/python -m pip uninstall --yes faiss-cpu faiss-gpu # They overwrite each other's files.
	$(INSTALL) --editable '.[$(FAISS),samples,serve]'
	@echo $(FAISS) > .venv/faiss
	@touch $@

$(READY_DEV): $(READY)
	$(INSTALL) --editable '.[$(FAISS),samples,serve,dev]'
	@touch $@
