"""The RPC surface through real HTTP: contract sections 2 to 4."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from bunraku.client import query
from bunraku.core.call_signature import sign
from bunraku.front.rpc.actions import ACTION_NAMES
from bunraku.store.nonces import Nonces
from bunraku.testing.server import APP_ID, SECRET, RunningServer, test_apps

from ..support.rpc import envelope


def post(server, params, **kwargs):
    return httpx.post(server.base_url + "/", params=params, **kwargs)


def signed(action="QueryDigitalHumanStreamTasks", **changes):
    params = query(action, APP_ID, SECRET)
    for key, value in changes.items():
        if value is None:
            params.pop(key)
        else:
            params[key] = value
    return params


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Action": None}, 100000006),
        ({"Action": ""}, 100000006),
        ({"AppId": None}, 100000001),
        ({"AppId": "abc"}, 100000001),
        ({"AppId": "012345"}, 100000001),
        ({"AppId": "-1"}, 100000001),
        ({"AppId": "0"}, 100000001),
        ({"AppId": "4294967296"}, 100000001),
        ({"AppId": "١٢"}, 100000001),
        ({"Timestamp": None}, 100000002),
        ({"Timestamp": ""}, 100000002),
        ({"Timestamp": "12.5"}, 100000003),
        ({"Timestamp": "soon"}, 100000003),
        ({"SignatureNonce": None}, 100000008),
        ({"SignatureNonce": "x" * 129}, 100000008),
        ({"Signature": None}, 100000009),
        ({"SignatureVersion": None}, 100000013),
        ({"SignatureVersion": "1.0"}, 100000014),
        ({"AppId": "999"}, 100000010),
        ({"Timestamp": "1615186943"}, 100000004),
        ({"Timestamp": str(int(time.time() * 1000))}, 100000004),
        ({"Signature": "0" * 32}, 100000005),
    ],
)
def test_section_3_6_code_of_each_failure(server, changes, code):
    assert envelope(post(server, signed(**changes)))["Code"] == code


def test_section_3_6_first_failing_check_wins(server):
    """Each mended field uncovers the next check."""
    params = {"Action": "Nope"}
    seen = [envelope(post(server, {}))["Code"]]
    for key, value in (
        ("AppId", "4242"),
        ("Timestamp", "x"),
        ("Timestamp", "1615186943"),
        ("SignatureNonce", "n"),
        ("Signature", "s"),
        ("SignatureVersion", "3"),
        ("SignatureVersion", "2.0"),
        ("AppId", str(APP_ID)),
        ("Timestamp", str(int(time.time()))),
    ):
        seen.append(envelope(post(server, params))["Code"])
        params[key] = value
    seen.append(envelope(post(server, params))["Code"])
    params["Signature"] = sign(APP_ID, "n", SECRET, params["Timestamp"])
    seen.append(envelope(post(server, params))["Code"])
    assert seen == [
        100000006,
        100000001,
        100000002,
        100000003,
        100000008,
        100000009,
        100000013,
        100000014,
        100000010,
        100000004,
        100000005,
        100000007,
    ]


@pytest.mark.parametrize("offset", [-600, 600, -599])
def test_section_3_5_window_edges_pass(server, offset):
    # The server's second may turn while the call travels: only the past edge can slip.
    now = int(time.time()) + offset + (1 if offset == -600 else 0)
    assert envelope(post(server, query("QueryDigitalHumanStreamTasks", APP_ID, SECRET, now)))["Code"] == 0


@pytest.mark.parametrize("offset", [-602, 603])
def test_section_3_5_beyond_the_window_is_expired(server, offset):
    now = int(time.time()) + offset
    body = envelope(post(server, query("QueryDigitalHumanStreamTasks", APP_ID, SECRET, now)))
    assert body["Code"] == 100000004


def test_section_3_5_milliseconds_are_explained(server):
    body = envelope(post(server, signed(Timestamp=str(int(time.time() * 1000)))))
    assert "seconds" in body["Message"]


@pytest.mark.parametrize("nonce", ["15215528852396", "0.8412345", "k3f9x", "9223372036854775807", "é ü+&"])
def test_section_3_4_any_nonce(server, nonce):
    now = str(int(time.time()))
    params = signed(SignatureNonce=nonce, Timestamp=now, Signature=sign(APP_ID, nonce, SECRET, now).upper())
    assert envelope(post(server, params))["Code"] == 0


def test_section_3_4_replays_pass_by_default(server):
    params = signed()
    assert [envelope(post(server, params))["Code"] for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("body", [b"", b"  \n", b"null", b"{}", b'\xef\xbb\xbf{"Unknown": 1}'])
def test_section_2_3_empty_bodies(server, body):
    assert envelope(post(server, signed(), content=body))["Code"] == 0


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", None]
)
def test_section_2_3_content_type_does_not_matter(server, kind):
    headers = {"Content-Type": kind} if kind else {}
    body = envelope(post(server, signed("GetDigitalHumanList"), content=b'{"Limit": 1}', headers=headers))
    assert len(body["Data"]["DigitalHumans"]) == 1


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b'"x"', b"\xff\xfe", b"NaN", b'{"a":' * 3000])
def test_section_2_3_malformed_bodies(server, body):
    assert envelope(post(server, signed(), content=body))["Code"] == 400000001


def test_section_2_3_oversize_body(server):
    assert envelope(post(server, signed(), content=b" " * (1024 * 1024 + 1)))["Code"] == 100000012

    def pieces():
        for _ in range(20):
            yield b" " * 65536

    assert envelope(post(server, signed(), content=pieces()))["Code"] == 100000012


def test_section_3_6_nothing_of_the_body_is_read_before_authentication(server):
    assert envelope(post(server, signed(Signature="0" * 32), content=b"{"))["Code"] == 100000005


def test_a_connection_that_breaks_mid_body_hurts_nobody(server):
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        target = httpx.URL(server.base_url + "/", params=signed()).raw_path.decode()
        s.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert envelope(post(server, signed()))["Code"] == 0


def test_section_2_2_methods(server):
    assert httpx.head(server.base_url + "/").status_code == 200
    options = httpx.options(server.base_url + "/")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, POST, HEAD, OPTIONS")
    put = httpx.put(server.base_url + "/", params=signed())
    assert put.status_code == 405
    assert put.json()["Code"] == 400000001
    assert put.headers["allow"] == "GET, POST, HEAD, OPTIONS"


def test_section_2_1_other_paths_are_not_the_rpc(server):
    for path in ("/nope", "/rpc/QueryDigitalHumanStreamTasks", "/rpc"):
        assert httpx.post(server.base_url + path, params=signed()).status_code == 404


def test_section_2_2_a_browser_gets_the_console(server):
    page = httpx.get(server.base_url + "/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_section_2_4_get_form_with_query_parameters(server, human_id):
    params = signed("GetDigitalHumanInfo") | {"DigitalHumanId": human_id}
    assert envelope(httpx.get(server.base_url + "/", params=params))["Data"]["DigitalHumanId"] == human_id


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_section_2_2_more_fields_than_are_read_are_refused(server, method):
    params = signed() | {f"x{i}": "1" for i in range(200)}
    answer = envelope(httpx.request(method, server.base_url + "/", params=params))
    assert (answer["Code"], answer["Message"]) == (400000001, "invalid params: more than 200 query fields")


def test_section_2_4_null_in_the_body_takes_nothing_away(server):
    params = signed("GetDigitalHumanList") | {"Limit": "1.0"}
    assert len(envelope(post(server, params, json={"Limit": None}))["Data"]["DigitalHumans"]) == 1
    assert len(envelope(post(server, params, json={"Limit": 2}))["Data"]["DigitalHumans"]) == 2


def test_section_2_5_an_answer_is_short_whatever_was_asked(server):
    asked = {"DigitalHumanId": "x" * 900_000}
    answer = post(server, signed("GetDigitalHumanInfo"), json=asked)
    assert envelope(answer)["Code"] == 400000003
    assert len(answer.content) < 500


@pytest.mark.parametrize("host", ["x/y?z#", "a b", "evil@127.0.0.1", "[::1", ""])
def test_section_5_7_a_forged_host_gets_into_no_address(server, api, create, host):
    task = create()
    headers = {"Host": host}
    answer = envelope(post(server, signed("DriveByWsStream"), json={"TaskId": task}, headers=headers))
    while answer["Code"] == 400000006:
        answer = envelope(post(server, signed("DriveByWsStream"), json={"TaskId": task}, headers=headers))
    own = [f.port for f in getattr(server, "fronts", [server])]
    address = answer["Data"]["WssAddress"]
    assert any(address.startswith(f"ws://127.0.0.1:{port}/ws?Token=") for port in own)


def test_section_2_4_numbers_in_query_and_body(server):
    get = envelope(httpx.get(server.base_url + "/", params=signed("GetDigitalHumanList") | {"Limit": "1"}))
    assert len(get["Data"]["DigitalHumans"]) == 1
    text = envelope(post(server, signed("GetDigitalHumanList"), json={"Limit": "1"}))
    assert text["Code"] == 400000001
    assert "Limit" in text["Message"]
    whole = envelope(post(server, signed("GetDigitalHumanList"), json={"Limit": 1.0}))
    assert len(whole["Data"]["DigitalHumans"]) == 1
    over = envelope(post(server, signed("GetDigitalHumanList") | {"Limit": "1"}, json={"Limit": 2}))
    assert len(over["Data"]["DigitalHumans"]) == 2, "the body overlays the query"


@pytest.mark.parametrize("form", ["json", "dotted", "mixed"])
def test_section_2_4_nested_objects_in_the_query(server, api, human_id, form):
    place = {"RoomId": "r", "StreamId": f"get-{form}"}
    params = signed("CreateDigitalHumanStreamTask") | {
        "VideoConfig": '{"Width":128,"Height":128}',
        "DigitalHumanConfig.DigitalHumanId": human_id,
        "TTL": "60",
    }
    if form == "json":
        params["RTCConfig"] = f'{{"RoomId":"r","StreamId":"{place["StreamId"]}"}}'
    else:
        params |= {f"RTCConfig.{k}": v for k, v in place.items()}
    if form == "mixed":
        params["RTCConfig"] = '{"RoomId":"loser","StreamId":"loser"}'
    task = envelope(httpx.get(server.base_url + "/", params=params))["Data"]["TaskId"]
    assert api.status(task)["RoomId"] == "r"
    assert api.status(task)["StreamId"] == place["StreamId"]


def test_section_2_4_action_collision_in_get_form(server, create):
    task = create()
    url = httpx.URL(server.base_url + "/", params=signed("DoAction") | {"TaskId": task})
    done = envelope(httpx.get(str(url) + "&Action=nod"))
    assert done["Code"] == 0
    assert "Data" not in done
    missing = envelope(httpx.get(str(url)))
    assert missing["Code"] == 400000001
    assert "Action" in missing["Message"]


@pytest.mark.parametrize("action", sorted(ACTION_NAMES))
def test_section_2_2_every_action_answers_both_methods_with_an_envelope(server, action):
    for response in (
        post(server, signed(action), json={}),
        httpx.get(server.base_url + "/", params=signed(action)),
    ):
        body = envelope(response)
        assert body["Code"] in (0, 400000001)


def test_section_5_16_unknown_actions_after_the_signature(server):
    assert envelope(post(server, signed("DescribeDigitalHuman"), json={}))["Code"] == 100000007
    assert envelope(post(server, signed("describe", Signature="0" * 32)))["Code"] == 100000005


def test_section_3_7_ten_calls_a_second_per_app_and_action():
    with RunningServer(providers=[], limits={"calls_per_second": 10}) as limited:
        for _ in range(8):
            begin = time.monotonic()
            codes = [envelope(post(limited, signed()))["Code"] for _ in range(12)]
            if time.monotonic() - begin < 1:  # else calls of another second may be among them
                break
            time.sleep(1.1)
        else:
            raise AssertionError("twelve calls never fitted into a second")
        assert codes == [0] * 10 + [400010009] * 2
        assert envelope(post(limited, signed("GetTimbreList")))["Code"] == 0
        deadline = time.monotonic() + 3
        while envelope(post(limited, signed()))["Code"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_section_3_7_the_address_is_the_one_that_trusted_proxies_name():
    def codes(settings, forwarded):
        with RunningServer(providers=[], limits={"address_calls_per_second": 1, **settings}) as limited:
            wrong = signed(Signature="0" * 32)
            return [envelope(post(limited, wrong, headers={"X-Forwarded-For": f}))["Code"] for f in forwarded]

    limit, passed = 400010009, 100000005
    two, spoofed = ["192.0.2.1", "192.0.2.2"], ["192.0.2.9, 192.0.2.1", "192.0.2.8, 192.0.2.1"]
    believed = {"trusted_proxies": ["127.0.0.0/8", "10.0.0.1"]}
    assert codes({}, two) == [passed, limit], "nobody is believed unless he is named"
    assert codes(believed, two) == [passed, passed]
    assert codes(believed, spoofed) == [passed, limit], "what a caller says of himself is not believed"
    assert codes(believed, ["192.0.2.1, 10.0.0.1", "192.0.2.1"]) == [passed, limit], "proxies in a row"
    assert codes(believed, ["nonsense", "x, , nonsense"]) == [passed, limit]


def test_per_address_cap_comes_before_the_signature():
    with RunningServer(providers=[], limits={"address_calls_per_second": 3}) as limited:
        codes = [envelope(post(limited, signed(Signature="0" * 32)))["Code"] for _ in range(5)]
        assert codes == [100000005] * 3 + [400010009] * 2


def test_section_3_4_strict_nonce_mode_refuses_a_replay():
    with RunningServer(providers=[], limits={"strict_nonce": True}) as strict:
        params = signed()
        assert [envelope(post(strict, params))["Code"] for _ in range(2)] == [0, 100000005]


def test_section_3_4_strict_nonces_that_cannot_be_checked_are_refused(monkeypatch):
    with RunningServer(providers=[], limits={"strict_nonce": True}) as strict:

        async def away(*_):
            raise OSError("gone")

        monkeypatch.setattr(Nonces, "use_nonce", away)
        assert envelope(post(strict, signed()))["Code"] == 400010002


def test_section_3_6_disabled_apps_and_action_lists():
    with RunningServer(providers=[], apps=test_apps(enabled=False)) as s:
        assert envelope(post(s, signed()))["Code"] == 400000002
        assert envelope(post(s, signed("Nope")))["Code"] == 100000007
    with RunningServer(providers=[], apps=test_apps(actions=("GetTimbreList",))) as s:
        assert envelope(post(s, signed()))["Code"] == 400010001
        assert envelope(post(s, signed("GetTimbreList")))["Code"] == 0
