# Every target works as the first command on a fresh clone; `make help` lists them.
#   make test ARGS="-k outbox"     passes ARGS on to what the target runs
#   make setup TORCH_INDEX=URL     takes torch from another package index (PyTorch's own for CPUs)

PYTHON ?= python3
ARGS ?=
TORCH_INDEX ?=
BIN := .venv/bin
# Torch and its CUDA libraries stand in a lock of their own.
WITHOUT_TORCH = $$(sed -nE 's/^((torch|triton|nvidia|cuda)[a-z0-9._-]*)==.*/--no-emit-package \1/p' requirements/torch.txt)
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint imports soak prove bench train lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: $(READY) ## build .venv with everything that the program and its tests need

$(READY): requirements/torch.txt requirements/base.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing torch (on x86-64 Linux the CUDA build, 4.7 GB, unless TORCH_INDEX is set) …"
ifeq ($(TORCH_INDEX),)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/torch.txt
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --index-url $(TORCH_INDEX) \
		$$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements/torch.txt)
endif
	@echo "Installing the rest …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## see it at work: broker, sandbox X and Slack, a worker, a stream of feedback
	@$(BIN)/feedback demo $(ARGS)

test: $(READY) ## run every test
	@$(BIN)/python -m pytest $(ARGS)

lint: $(READY) ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

imports: $(READY) ## draw the imports between the packages into docs/architecture.md
	@$(BIN)/python -m docs.draw_imports

soak: $(READY) ## randomised schedules of faults (ARGS="--schedules N --messages M --seed S")
	@$(BIN)/python -m benchmarks.soak $(ARGS)

prove: $(READY) ## plant one defect at a time; its test must fail
	@$(BIN)/python -m benchmarks.prove $(ARGS)

bench: $(READY) ## the hop, the throughput and the latency, against the last recorded ratios
	@$(BIN)/python -m benchmarks.guard $(ARGS)

train: $(READY) ## from the texts in FEEDBACK_TRAIN_DATA to the weights and the model card
	@if [ -z "$$FEEDBACK_TRAIN_DATA" ]; then \
		echo "set FEEDBACK_TRAIN_DATA to the folder with train, extra, val and extra-val.jsonl"; exit 2; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/train.txt
	@$(BIN)/python -m training $(ARGS)

lock: ## resolve the locks again after a change of pyproject.toml (needs uv)
	@uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 \
		requirements/torch.in -o requirements/torch.txt
	@uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 \
		--extra broker --extra dev pyproject.toml -c requirements/torch.txt \
		$(WITHOUT_TORCH) \
		-o requirements/base.txt
	@uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 \
		pyproject.toml requirements/build.in -c requirements/base.txt \
		$(WITHOUT_TORCH) \
		-o requirements/runtime.txt
	@uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 \
		--extra broker --extra dev --extra train pyproject.toml -c requirements/torch.txt -c requirements/base.txt \
		$(WITHOUT_TORCH) \
		-o requirements/train.txt

clean: ## remove what the targets made here
	@rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
