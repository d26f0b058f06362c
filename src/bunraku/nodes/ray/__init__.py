"""Nodes that Ray runs. Importing this sets what Ray reads when it is imported and started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NAMESPACE = "bunraku"
"""Of all names that Ray knows."""

# Read by Ray's processes when they start. Ray's own defaults notice a dead machine after 15 s and
# more; streams are not saved by it (leases are quicker), but places for new actors are.
ENVIRONMENT = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",  # nodes go on without the head
    "RAY_memory_usage_threshold": "0.97",
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

# Workers import this very package, also when it is not installed where Python looks first.
_root = str(Path(__file__).parents[3])
if _root not in os.environ.get("PYTHONPATH", "").split(os.pathsep) and _root in sys.path:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_root, os.environ.get("PYTHONPATH", "")]))
