# Everything a machine with Swift needs to build, try and test Protean.
# Debian and Ubuntu: missing system packages are installed through apt.

SWIFT ?= swift
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

LIBRARIES := libomp-dev libpng-dev libjpeg-dev
# The test images of the embedded network's check.
TEST_DATA := dataset-fashion-mnist

.PHONY: all demo test fuzz bench peers peers-networks peers-environment catalogue format lint dependencies test-dependencies weights clean

all: dependencies
	$(SWIFT) build -c release

# The embedded network on its own images, then a short kernel benchmark.
demo: all
	$(SWIFT) run -c release --skip-build protean demo

# Under every instruction set that this machine has and on one CPU; RUNS="avx2 one-cpu" selects.
test: dependencies test-dependencies weights
	Tests/run.sh $(SWIFT) $(RUNS)

# Generated hostile files, 108,000 of them; see Docs/Fuzzing.md.
fuzz: dependencies
	Tests/fuzz.sh $(SWIFT) long

# Kernels on the shapes of published networks; see Docs/Performance.md.
bench: all
	$(SWIFT) run -c release --skip-build kernelbench --threads 1,2

# Other libraries on the same convolutions, side by side; the virtual environment is large.
peers: all peers-environment
	.build-peers/bin/python Benchmarks/peers/peers.py --shapes $(or $(SHAPES),dense3x3.txt)

# Whole networks in other libraries, side by side, with published weights where they were fetched.
peers-networks: all peers-environment weights
	.build-peers/bin/python Benchmarks/peers/networks.py --weights .build-weights

peers-environment:
	python3 -m venv .build-peers
	.build-peers/bin/pip install --quiet -r Benchmarks/peers/requirements.txt

# README.md's table of layers, from Sources/ProteanCatalogue.
catalogue: dependencies
	$(SWIFT) run protean-scaffold readme

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests Benchmarks
	@command -v clang-format >/dev/null && \
	  clang-format -i $$(git ls-files 'Kernels/*.[ch]' 'Sources/*.[ch]' 'Tests/*.[ch]') || \
	  echo "clang-format is not installed: C files were left as they are"

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Benchmarks

dependencies:
	@Tests/install.sh "$(SUDO)" $(LIBRARIES)

test-dependencies:
	@Tests/install.sh "$(SUDO)" $(TEST_DATA) || \
	  echo "note: $(TEST_DATA) cannot be installed; the check on its images will be skipped"

# Published ImageNet weights for the tests that compare with PyTorch.
weights:
	@Tests/fetch-weights.sh .build-weights || \
	  echo "note: published weights cannot be fetched; tests that need them will be skipped"

clean:
	rm -rf .build .build-*
