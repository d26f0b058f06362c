"""Whatever is sent, an envelope comes back, and never a fault of ours."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bunraku.client import query
from bunraku.front.rpc.actions import ACTIONS
from bunraku.testing.server import APP_ID, SECRET

from ..support.rpc import envelope

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
JSON = st.recursive(LEAVES, lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(), c, max_size=3))
PLAUSIBLE = {
    "DigitalHumanId": st.sampled_from(["6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11", "x", ""]),
    "TimbreId": st.sampled_from(["tone-a", "x"]),
    "Text": st.text(max_size=2000),
    "AudioUrl": st.sampled_from(["http://127.0.0.1/", "https://e.example/a", "x"]),
}


def bodies(model):
    fields = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        nested = next(
            (
                a
                for a in (field.annotation, *getattr(field.annotation, "__args__", ()))
                if hasattr(a, "model_fields")
            ),
            None,
        )
        inner = bodies(nested) if nested else PLAUSIBLE.get(alias, LEAVES)
        fields[alias] = inner | JSON
    return st.fixed_dictionaries({}, optional=fields) | st.dictionaries(st.text(), JSON, max_size=3)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.name)
def test_only_envelopes_come_back(server, api, action):
    with httpx.Client(base_url=server.base_url) as http:

        @settings(max_examples=60, suppress_health_check=list(HealthCheck))
        @given(bodies(action.params))
        def attempt(body):
            answer = envelope(http.post("/", params=query(action.name, APP_ID, SECRET), json=body))
            assert answer["Code"] != 400010000, (body, answer)
            if action.name == "CreateDigitalHumanStreamTask" and answer["Code"] == 0:
                api.stop(answer["Data"]["TaskId"])

        attempt()


@given(st.binary(max_size=300))
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
def test_any_bytes_as_a_body(server, body):
    answer = envelope(
        httpx.post(server.base_url + "/", params=query("GetTimbreList", APP_ID, SECRET), content=body)
    )
    assert answer["Code"] in (0, 400000001)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=8))
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
def test_any_query(server, pairs):
    for method in ("GET", "POST"):
        pairs_with_action = [("Action", "GetTimbreList"), *pairs]
        answer = envelope(httpx.request(method, server.base_url + "/", params=pairs_with_action))
        assert 100000000 < answer["Code"] < 100000015
