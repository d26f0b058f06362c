# One command per chore. `make demo` and `make test` install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo demo-cluster test test-turn test-container test-service matrix release-check lint format bench soak docs lips lips-evaluate voices samples lock look look-people bake portraits clean install

# What a newcomer needs to see and hear it, without the tools of those who change it.
demo: $(VENV)/.demo
	$(BIN)/bunraku demo

# Two nodes on this machine over a PostgreSQL that is thrown away: kill one and watch the console.
PORT ?= 8080
demo-cluster: $(STAMP)
	$(BIN)/python scripts/demo_cluster.py --port $(PORT)

test: $(STAMP) build/agents/.installed
	./scripts/install-test-tools.sh
	$(BIN)/python scripts/run_tests.py

# The frameworks of voice agents, which the tests drive as their users do.
build/agents/.installed: tests/agents/requirements.lock tests/agents/simli-2.1.lock
	./scripts/make-venv.sh $(PYTHON) build/agents
	build/agents/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/agents/requirements.lock
	build/agents/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  --upgrade --target build/agents/simli-2.1 -r tests/agents/simli-2.1.lock
	touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/bunraku bench

# A watcher behind a relay (coturn), in network namespaces; as root.
test-turn: $(STAMP)
	$(BIN)/python scripts/test_turn.py

# The Dockerfile's steps in a bare Debian, and the result run as an engine would; the systemd unit under a real
# systemd. As root, without a container engine; some minutes each.
test-container test-service: $(STAMP)
	$(BIN)/python scripts/$(subst -,_,$@).py

# The unit tests and a smoke test under every Python, lowest and highest dependencies, and the extras alone.
TOOLS := build/tools
$(TOOLS)/.installed: requirements-release.lock
	./scripts/make-venv.sh $(PYTHON) $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-release.lock
	touch $@

ROWS ?=
matrix: $(TOOLS)/.installed $(STAMP)
	PATH="$(abspath $(TOOLS))/bin:$$PATH" $(BIN)/python scripts/matrix.py $(ROWS)

# Reproducible packages, licences, SBOM, known vulnerabilities: docs/releasing.md. make release-check ADVISORIES=folder
ADVISORIES ?=
release-check: $(TOOLS)/.installed
	$(TOOLS)/bin/python scripts/release_check.py $(if $(ADVISORIES),--advisories $(ADVISORIES))

# A week of a node on virtual time, then real hours of random use with trials among it; the page is
# build/soak.html. make soak MINUTES=120
MINUTES ?= 60
soak: $(STAMP)
	$(BIN)/python -m pytest -q tests/unit/test_days.py --virtual-hours 168
	$(BIN)/bunraku soak --minutes $(MINUTES)

# Pages that are made from code, then the site in build/docs. Broken links fail.
docs: $(STAMP)
	for page in settings openapi conformance performance api; do $(BIN)/python scripts/docs_$$page.py; done
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

# The lip net: data, training on one thread, evaluation (docs/lip-net.md). Needs Debian's libflite1,
# festival, festvox-us-slt-hts, pocketsphinx-testdata and alsa-utils.
LIPS := PYTHONPATH=studio/lips build/lips/bin/python studio/lips
build/lips: studio/lips/requirements.txt
	$(PYTHON) -m venv build/lips
	build/lips/bin/pip install --quiet -r studio/lips/requirements.txt
	build/lips/bin/pip install --quiet --editable '.[espeak]'
	touch build/lips

lips: build/lips
	$(LIPS)/data.py build/lips-data
	$(LIPS)/train.py build/lips-data src/bunraku/node/lipsync/lipnet.onnx
	$(LIPS)/evaluate.py

lips-evaluate: build/lips
	$(LIPS)/evaluate.py

# Every built-in voice: how well it is understood, how fast it is (docs/voices.md). Wants a quiet machine.
LISTEN := BUNRAKU_DATA_DIR=build/kokoro PYTHONPATH=studio/voices build/voices/bin/python studio/voices
build/voices: studio/voices/requirements.txt pyproject.toml
	$(PYTHON) -m venv build/voices
	build/voices/bin/pip install --quiet -r studio/voices/requirements.txt
	build/voices/bin/pip install --quiet --editable '.[espeak,kokoro-zh,kokoro-ja]'
	touch build/voices

voices: build/voices
	build/voices/bin/python -m bunraku.node.speech.kokoro.make build/kokoro/kokoro-1
	$(LISTEN)/measure.py say build/voices/heard
	$(LISTEN)/measure.py judge build/voices/heard

# The sound that docs/voices.md plays, by the neural voices of build/kokoro.
samples: $(STAMP)
	$(BIN)/python -m bunraku.node.speech.kokoro.make build/kokoro/kokoro-1
	BUNRAKU_DATA_DIR=build/kokoro $(BIN)/python scripts/samples.py

install: $(STAMP)

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/.demo: requirements-demo.lock pyproject.toml
	./scripts/make-venv.sh $(PYTHON) $(VENV)
	$(PIP) --require-hashes -r requirements-demo.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(STAMP): requirements.lock pyproject.toml
	./scripts/make-venv.sh $(PYTHON) $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# All locks with the same versions: development, the demo, the container's server; and the tools of a release.
# Needs `uv` (pip install uv).
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
LOCKED := $(COMPILE) pyproject.toml scripts/build-requirements.txt
lock:
	$(LOCKED) --extra espeak --extra kokoro-zh --extra kokoro-ja --extra cluster --extra otel --extra s3 --extra vad --extra c2pa --group dev -o requirements.lock
	$(LOCKED) --extra espeak --extra kokoro-zh --constraint requirements.lock -o requirements-demo.lock
	$(LOCKED) --extra espeak --extra kokoro-zh --extra postgresql --extra redis --extra otel --extra s3 --extra vad --constraint requirements.lock \
	  -o requirements-server.lock
	$(COMPILE) tests/agents/requirements.txt -o tests/agents/requirements.lock
	$(COMPILE) --group release scripts/build-requirements.txt -o requirements-release.lock

# Contact sheets of the cast, with the cost of a frame: docs/look.md.
look: $(STAMP)
	$(BIN)/python scripts/look.py

# The same of digital humans made of photos and a video: docs/people.md.
look-people: $(STAMP)
	$(BIN)/python scripts/look_people.py

# Bake a drawn character into its pack: make bake CHARACTER=anna
bake:
	$(PYTHON) -m venv build/studio
	build/studio/bin/pip install --quiet -r studio/requirements.txt
	build/studio/bin/python studio/drawn/bake.py $(CHARACTER) src/bunraku/node/avatars/pack/data/$(CHARACTER)

# The pictures of the console's cards, rendered by the figures themselves, into their packs.
portraits: $(STAMP)
	$(BIN)/python scripts/bake_portraits.py

clean:
	rm -rf $(VENV) build dist
