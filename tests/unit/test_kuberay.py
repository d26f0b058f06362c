"""deploy/kuberay: Kubernetes' own schemas (package kubernetes-validate), and for RayCluster ours, which is
written from the fields that KubeRay documents: no package of a registry holds its CRD."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from bunraku.core.settings import load

jsonschema = pytest.importorskip("jsonschema")
kubernetes = pytest.importorskip("kubernetes_validate")
yaml = pytest.importorskip("yaml")

FOLDER = Path(__file__).parents[2] / "deploy" / "kuberay"
RAY_CLUSTER = json.loads((FOLDER / "raycluster.schema.json").read_text())
KUBERNETES = "1.32"


def documents():
    return [d for path in sorted(FOLDER.glob("*.yaml")) for d in yaml.safe_load_all(path.read_text())]


def of_kind(kind):
    [found] = [d for d in documents() if d["kind"] == kind]
    return copy.deepcopy(found)


def check(document):
    if document["kind"] != "RayCluster":
        kubernetes.validate(document, KUBERNETES, strict=True)
        return
    jsonschema.Draft202012Validator(RAY_CLUSTER).validate(document)
    for template in templates(document):
        meta = {"name": "pod"} | template.get("metadata", {})
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
        kubernetes.validate(pod, KUBERNETES, strict=True)


def templates(cluster):
    spec = cluster["spec"]
    return [spec["headGroupSpec"]["template"], *(g["template"] for g in spec["workerGroupSpecs"])]


@pytest.mark.parametrize("document", documents(), ids=lambda d: f"{d['kind']}-{d['metadata']['name']}")
def test_manifest_is_valid(document):
    check(document)


def test_schema_itself_is_valid():
    jsonschema.Draft202012Validator.check_schema(RAY_CLUSTER)


def test_mistakes_are_found():
    def wrong(change):
        cluster = of_kind("RayCluster")
        change(cluster["spec"])
        with pytest.raises(jsonschema.ValidationError):
            check(cluster)

    wrong(lambda s: s.pop("headGroupSpec"))
    wrong(lambda s: s["headGroupSpec"]["rayStartParams"].update(port=6379))
    wrong(lambda s: s["workerGroupSpecs"][0].update(replica=1))
    wrong(lambda s: s["workerGroupSpecs"][0]["template"]["spec"].update(hostnetwork=True))
    wrong(
        lambda s: s["workerGroupSpecs"][0]["template"]["spec"]["containers"][0].update(ports=[{"name": "x"}])
    )


def test_what_pods_refer_to_is_there():
    """Secrets and their keys, volumes, labels, ports."""
    secrets = {d["metadata"]["name"]: d["stringData"] for d in documents() if d["kind"] == "Secret"}
    for template in (*templates(of_kind("RayCluster")), of_kind("Deployment")["spec"]["template"]):
        spec = template["spec"]
        volumes = {v["name"]: v for v in spec.get("volumes", [])}
        for container in spec["containers"]:
            assert {m["name"] for m in container.get("volumeMounts", [])} <= set(volumes)
            for variable in container.get("env", []):
                if (ref := variable.get("valueFrom", {}).get("secretKeyRef")) is not None:
                    assert ref["key"] in secrets[ref["name"]]
            assert {e["secretRef"]["name"] for e in container.get("envFrom", [])} <= set(secrets)
        assert {v["secret"]["secretName"] for v in volumes.values() if "secret" in v} <= set(secrets)
    front = of_kind("Deployment")["spec"]["template"]
    assert of_kind("Service")["spec"]["selector"].items() <= front["metadata"]["labels"].items()


def test_settings_are_settings(tmp_path, monkeypatch):
    secrets = {d["metadata"]["name"]: d["stringData"] for d in documents() if d["kind"] == "Secret"}
    path = tmp_path / "bunraku.toml"
    path.write_text(secrets["bunraku-toml"]["bunraku.toml"])
    for name, value in secrets["bunraku"].items():
        if name.startswith("BUNRAKU_"):
            monkeypatch.setenv(name, value)
    settings = load(path)
    [node] = of_kind("RayCluster")["spec"]["workerGroupSpecs"]
    media = node["template"]["spec"]["containers"][0]["ports"][0]
    assert media == {"name": "media", "containerPort": settings.rtc.port, "protocol": "UDP"}
    assert settings.limits.storage.startswith("redis")


def test_commands_exist_with_their_options():
    from bunraku.cli import main

    node = templates(of_kind("RayCluster"))[1]["spec"]
    script = node["containers"][0]["command"][-1]
    front = of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]["command"]
    start = script[script.index("bunraku node start") :].split(" &")[0].replace("\\\n", " ").split()
    for command, words in (
        (main.commands["front"], front[2:]),
        (main.commands["node"].commands["start"], start[3:]),
    ):
        assert command.make_context("x", words, resilient_parsing=False).params["join"]
    deadline = float(start[start.index("--deadline") + 1])
    assert node["terminationGracePeriodSeconds"] > deadline + 10
