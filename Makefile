# Everything a machine with Swift needs to build, try and test Protean.
# Debian and Ubuntu: missing system packages are installed through apt.

SWIFT ?= swift
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

LIBRARIES := libomp-dev libpng-dev libjpeg-dev
# The test images of the embedded network's check.
TEST_DATA := dataset-fashion-mnist

.PHONY: all demo test fuzz bench peers peers-networks peers-environment tune catalogue format lint snippets \
	docs api-check test-address test-thread test-undefined results dependencies test-dependencies \
	script-dependencies weights clean

all: dependencies
	$(SWIFT) build -c release

# The embedded network on its own images, then a short kernel benchmark.
demo: all
	$(SWIFT) run -c release --skip-build protean demo

# The gate: all tests under every instruction set that this machine has and on one CPU, and what
# `lint`, `snippets` and `docs` check; RUNS="avx2 lint" selects.
test: dependencies test-dependencies script-dependencies weights
	Tests/run.sh $(SWIFT) $(RUNS)

# The tests under a sanitizer; OPTIONS="--filter Conv2d" selects. See Docs/Sanitizers.md.
test-address test-thread test-undefined: dependencies
	Tests/Scripts/sanitize.sh $(SWIFT) $(@:test-%=%) $(OPTIONS)

# Generated hostile files, 108,000 of them; see Docs/Fuzzing.md.
fuzz: dependencies
	Tests/fuzz.sh $(SWIFT) long

# Kernels on the shapes of published networks; see Docs/Performance.md.
bench: all
	$(SWIFT) run -c release --skip-build kernelbench --threads 1,2

# What the choice of a convolution's algorithm costs on this machine; see Docs/Performance.md.
tune: all
	$(SWIFT) run -c release --skip-build kernelbench --regret --threads 1 \
	  --shapes $(or $(SHAPES),dense3x3 resnet50 vgg16 super_resolution)

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

format: script-dependencies
	Tests/Scripts/lint.sh $(SWIFT) fix

lint: script-dependencies
	Tests/Scripts/lint.sh $(SWIFT) check

# The examples in the pages compile.
snippets: dependencies script-dependencies
	Tests/Scripts/snippets.sh $(SWIFT)

# The documentation of the libraries, in .build-docs; a warning is an error.
docs: dependencies script-dependencies
	Tests/Scripts/docs.sh $(SWIFT)

# What breaks the source of programs that use the last tagged version.
api-check: dependencies
	Tests/Scripts/api-check.sh $(SWIFT) $(TAG)

# The tables of Docs/Performance.md from the files in Benchmarks/results.
results: script-dependencies
	Tests/Scripts/results.py --update

dependencies:
	@Tests/install.sh "$(SUDO)" $(LIBRARIES)

test-dependencies:
	@Tests/install.sh "$(SUDO)" $(TEST_DATA) || \
	  echo "note: $(TEST_DATA) cannot be installed; the check on its images will be skipped"

# Python for the scripts; Debian keeps its virtual environments in a package of their own.
script-dependencies:
	@python3 -c 'import ensurepip, venv' 2>/dev/null || Tests/install.sh "$(SUDO)" python3-venv || \
	  echo "note: python3-venv cannot be installed; C will not be linted"

# Published ImageNet weights for the tests that compare with PyTorch.
weights:
	@Tests/fetch-weights.sh .build-weights || \
	  echo "note: published weights cannot be fetched; tests that need them will be skipped"

clean:
	rm -rf .build .build-*
