"""Who may import whom: the house's two halves, the hall between them, the path of a sentence
(``docs/concepts.md``). What is not listed here may not be imported."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from alembic.script import ScriptDirectory

from bunraku.store import schema

TOOLS = {
    "node.captions",
    "node.fetch",
    "node.guarded_http",
    "node.inference",
    "node.packaged",
    "node.provenance",
    "node.workers",
}
"""Of a node, for every folder of it; they know core and each other."""

MAY = {
    "core": set(),
    "telemetry": {"core"},
    "store": {"core"},
    # The hall: plain data, and what each half says of itself. Who stands behind it is composed.
    "nodes.sockets": {"core"},
    "nodes.rooms": {"core"},
    "nodes.placement": {"core"},
    "nodes.base": {"core", "nodes.rooms", "nodes.sockets"},
    "nodes.local": {"core", "nodes.base", "nodes.rooms", "nodes.sockets", "node.tasks"},
    "nodes.ray": {
        "core",
        "store",
        "nodes.base",
        "nodes.placement",
        "nodes.rooms",
        "nodes.sockets",
        "node",
        "node.speech",
        "telemetry",
    },
    "nodes.asking": {"core", "nodes.base"},
    "front": {
        "core",
        "store",
        "nodes.asking",
        "nodes.base",
        "nodes.placement",
        "nodes.rooms",
        "nodes.sockets",
    },
    # A caller's side: as much of us as a stranger has.
    "client": {"core", "perform"},
    "perform": {"core"},
    "check": {"core", "client"},
    "remote": {"core", "client", "check"},
    # The path of a sentence. Data goes from left to right, and so do the imports, but for encode,
    # streams, rtc: a unit is pushed to whoever listens, so that the pusher need not know him.
    "node.tasks": {
        "core",
        "store",
        "nodes.sockets",
        "node.callbacks",
        "node.outputs",
        "node.rooms",
        "node.performance",
        "node.speech",
        "node.streams",
    },
    "node.callbacks": {"core"},
    "node.rooms": {"core", "store", "nodes.rooms", "node.rtc", "node.streams"},
    "node.performance": {"core", "node.speech", "node.lipsync", "node.avatars", "node.encode"},
    "node.speech": {"core", "node.lipsync"},
    "node.lipsync": {"core"},
    "node.avatars": {"core"},
    "node.people": {"core", "store", "node.avatars", "node.lipsync", "node.outputs"},
    "node.encode": {"core"},
    "node.outputs": {"core", "node.encode", "node.rtc", "node.streams"},
    "node.rtc": {"core", "node.streams"},
    "node.streams": {"core", "node.encode"},
}

ROOTS = {
    *(
        "__main__",
        "app",
        "apps_cli",
        "backup",
        "voices_cli",
        "bench",
        "cli",
        "cluster",
        "cluster_cli",
        "demo",
        "doctor",
        "people_cli",
        "process",
        "provenance_cli",
        "reload",
        "render",
        "serve",
    ),
    "testing",
}
"""Where things are put together; nobody below may import them."""

NODE_ROOTS = {
    "alone",
    "assets",
    "memory",
    "clustered",
    "compose",
    "film",
    "lag",
    "lease",
    "neighbours",
    "node",
}
"""The same inside a node: any folder of it, and nothing of the front."""


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("bunraku", cache_dir=None)


def home(module: str) -> str:
    """The longest name of the tables that a module belongs to."""
    parts = module.split(".")[1:]
    for name in (".".join(parts[:2]), ".".join(parts[:1])):
        if name in MAY or name in TOOLS or name in ROOTS:
            return name
    if parts[:1] == ["node"] and (len(parts) == 1 or parts[1] in NODE_ROOTS):
        return "node"
    return ".".join(parts)


def allowed(here: str) -> set[str] | None:
    """None: everything."""
    if here in ROOTS:
        return None
    if here in TOOLS:
        return {"core", *TOOLS}
    if here == "node":
        inside = {name for name in MAY if name.startswith("node.")}
        return {"core", "store", "nodes.base", "nodes.rooms", "nodes.sockets", *inside, *TOOLS}
    if here.startswith("node."):
        return MAY[here] | TOOLS
    return MAY.get(here, set())


def forbidden(graph) -> list[str]:
    found = []
    for module in sorted(graph.modules):
        here = home(module)
        may = allowed(here)
        for other in sorted(graph.find_modules_directly_imported_by(module)):
            there = home(other)
            if may is None or there in ("", here) or there in may:
                continue
            # ``from bunraku.x import y`` reaches y by way of its empty packages.
            if module.startswith(f"{other}."):
                continue
            found.append(f"{module} imports {other}")
    return found


def test_nobody_imports_what_he_may_not(graph):
    assert forbidden(graph) == []


def test_every_module_has_a_place_in_the_tables(graph):
    known = {"", "nodes", "node", *MAY, *TOOLS, *ROOTS}
    assert {m for m in graph.modules if home(m) not in known} == set()


def test_a_forbidden_import_is_seen(graph):
    graph = copy.deepcopy(graph)
    for importer, imported in (
        ("bunraku.core.clock", "bunraku.store.journal"),
        ("bunraku.front.http", "bunraku.node.tasks.manager"),
        ("bunraku.front.http", "bunraku.nodes.local"),
        ("bunraku.node.node", "bunraku.front.http"),
        ("bunraku.node.speech.base", "bunraku.node.performance.line"),
        ("bunraku.nodes.base", "bunraku.node.node"),
    ):
        graph.add_import(importer=importer, imported=imported)
        assert forbidden(graph) == [f"{importer} imports {imported}"]
        graph.remove_import(importer=importer, imported=imported)


def folded(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of more than one that reach each other, by Tarjan."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                out.append(sorted(group))

    for name in edges:
        if name not in index:
            visit(name)
    return out


def folder(module: str) -> str:
    parts = module.split(".")[1:]
    return ".".join(parts[: 2 if parts[:1] in (["front"], ["node"], ["nodes"]) else 1])


def test_no_circle_of_modules_or_folders(graph):
    modules = {m: set(graph.find_modules_directly_imported_by(m)) for m in graph.modules}
    folders: dict[str, set[str]] = {}
    for module, others in modules.items():
        folders.setdefault(folder(module), set()).update({folder(o) for o in others} - {folder(module)})
    assert folded(modules) == []
    assert folded(folders) == []


def test_a_circle_is_seen():
    assert folded({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == [["a", "b", "c"]]


def test_no_test_module_imports_another():
    """What several need is in ``tests/support``."""
    tests = Path(__file__).parents[1]
    found = [
        f"{path.relative_to(tests)}: {line}"
        for path in tests.rglob("*.py")
        for line in re.findall(r"^\s*(?:from|import) .*\btest_\w+.*$", path.read_text(), re.M)
        if not re.search(r"import test_apps|, test_apps", line)
    ]
    assert found == []


def test_a_node_loads_only_what_it_needs():
    """Each of these is megabytes in every node of a machine; who needs one loads it then."""
    spared = ("alembic", "fastapi", "httpx", "onnxruntime", "ray", "uvicorn")
    code = f"import sys, bunraku.node.clustered; print([n for n in {spared} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_newest_schema_is_what_alembic_takes_it_for():
    scripts = ScriptDirectory.from_config(schema.alembic_config())
    assert scripts.get_current_head() == schema.KNOWN[-1]
    assert {r.revision for r in scripts.walk_revisions()} == set(schema.KNOWN)
