"""Digital humans of an app's own, through real HTTP: contract section 13.3."""

from __future__ import annotations

import http.server
import threading

import httpx
import pytest

from bunraku.client import AsyncClient
from bunraku.core import errors
from bunraku.testing.server import APP_ID, SECRET

from ..support.people import ended, info, made, small_pack, tarred, upload, zipped
from ..support.rpc import envelope
from ..support.waiting import wait_for


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return small_pack(tmp_path_factory.mktemp("packs") / "lucy")


@pytest.fixture(scope="module")
def lucy(server, pack):
    """A digital human of the first app; the tests of this file share her."""
    with server.client() as client:
        human = made(client, tarred(pack), TimbreId="tone-b")
        yield human
        client.call("DeleteDigitalHuman", DigitalHumanId=human)


def listed(client, mode):
    return client.call("GetDigitalHumanList", FetchMode=mode)["DigitalHumans"]


def test_section_13_3_one_is_made_of_an_upload_and_listed_after_the_public_ones(api, lucy, server):
    said = info(api, lucy)
    assert {k: said[k] for k in ("Name", "IsPublic", "State", "Progress", "Warnings", "TimbreId")} == {
        "Name": "Lucy", "IsPublic": False, "State": "ready", "Progress": 100, "Warnings": [], "TimbreId": "tone-b",
    }  # fmt: skip
    assert "FailReason" not in said
    assert [h["DigitalHumanId"] for h in listed(api, 3)] == [lucy]
    assert listed(api, 1)[-1] == listed(api, 3)[0]
    assert set(listed(api, 3)[0]) == {"DigitalHumanId", "Name", "AvatarUrl", "IsPublic", "Actions"}
    assert all(h["IsPublic"] for h in listed(api, 2))
    assert {a["Action"] for a in said["Actions"]} >= {"nod", "bow"}
    assert "State" not in info(api, listed(api, 2)[0]["DigitalHumanId"])
    timbres = api.call("GetTimbreList", DigitalHumanId=lucy)
    assert [t["TimbreId"] for t in timbres["Timbres"]] == ["tone-b"]
    assert api.call("GetDigitalHumanRenderInfo", DigitalHumanId=lucy)["ClientInferencePackageUrl"] == ""


def test_section_13_3_she_comes_to_life_on_any_node_and_is_not_deleted_from_a_stage(
    api, create, lucy, human_id
):
    # Enough rooms that every node has one.
    tasks = [
        api.create(lucy, room_id=f"people-{i}", stream_id=f"people-{i}", size=(128, 128)) for i in range(6)
    ]
    for task in tasks:
        wait_for(lambda task=task: api.status(task)["Status"] == 3)
    api.gesture(tasks[0], "nod")
    api.speak(tasks[0], "Good morning.", timbre_id="tone-b")
    for task in tasks[1:]:
        api.stop(task)
    with pytest.raises(errors.InvalidParams, match="stream task"):
        for _ in range(2):  # those that stop count until they have stopped
            api.call("DeleteDigitalHuman", DigitalHumanId=lucy)
    assert info(api, lucy)["State"] == "ready"


def test_section_13_3_nobody_else_sees_or_uses_her(api, other_api, lucy):
    picture = info(api, lucy)["AvatarUrl"]
    assert httpx.get(picture).headers["content-type"] == "image/jpeg"
    assert listed(other_api, 3) == []
    assert lucy not in [h["DigitalHumanId"] for h in listed(other_api, 1)]
    place = {"RTCConfig": {"RoomId": "r", "StreamId": "theirs"}}
    for action, extra in (
        ("GetDigitalHumanInfo", {}),
        ("GetTimbreList", {}),
        ("GetDigitalHumanRenderInfo", {}),
        ("DeleteDigitalHuman", {}),
        ("CreateDigitalHumanStreamTask", {"DigitalHumanConfig": {"DigitalHumanId": lucy}, **place}),
    ):
        with pytest.raises(errors.DigitalHumanNotFound):
            other_api.call(action, **({"DigitalHumanId": lucy} | extra))
    base, _, rest = picture.partition("/people/")
    app, human, token, name = rest.split("/")
    for path in (
        f"/assets/{lucy}/avatar.jpg",
        f"/assets/{lucy}/voices.json",
        f"/people/67890/{human}/{token}/{name}",
        f"/people/{app}/{human}/{token[:-1]}x/{name}",
        f"/people/{app}/{human}/x/{name}",
        f"/people/{app}/{'0' * 36}/{token}/{name}",
        f"/people/{app}/{human}/{token}/manifest.json",
        f"/people/{app}/{human}/{token}/..%2f{name}",
    ):
        assert httpx.get(base + path).status_code == 404, path


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"Consent": "false"}, "Consent"),
        ({"Consent": None}, "Consent"),
        ({"Name": ""}, "Name"),
        ({"Name": "x" * 65}, "Name"),
        ({"Name": "a\nb"}, "Name"),
        ({"Source.Type": "sculpture"}, "Source.Type"),
        ({"Source.Type": None}, "Source"),
        ({"Source.Url": "https://e.example/a.zip"}, "Source.Url"),
    ],
)
def test_section_13_3_wrong_fields_are_named_and_nothing_is_made(api, fields, field):
    before = listed(api, 3)
    body = envelope(upload(api, b"x", **fields))
    assert body["Code"] == 400000001
    assert field in body["Message"]
    assert listed(api, 3) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"Source": None}, "Source"),
        ({"Source": {"Type": "pack"}}, "Source.Url"),
        ({"Source": {"Type": "pack", "Url": "ftp://e.example/a"}}, "Source.Url"),
        ({"Source": {"Type": "pack", "Url": "http://127.0.0.1/a"}}, "Source.Url"),
        ({"File": "x"}, "File"),
        ({"Consent": "true"}, "Consent"),
        ({"Consent": 1}, "Consent"),
    ],
)
def test_section_13_3_wrong_fields_of_json_are_named(api, body, field):
    right = {"Name": "L", "Consent": True, "Source": {"Type": "pack", "Url": "https://e.example/a.zip"}}
    with pytest.raises(errors.InvalidParams, match=field):
        api.call("CreateDigitalHuman", **(right | body))


def test_section_13_3_an_unknown_timbre_has_its_code(api):
    assert envelope(upload(api, b"x", TimbreId="nobody"))["Code"] == 400000004


def test_section_13_3_what_will_not_do_says_why_and_is_not_usable(api):
    human = envelope(upload(api, b"no archive at all"))["Data"]["DigitalHumanId"]
    said = ended(api, human)
    assert said["State"] == "failed"
    assert (
        said["FailReason"] == "The file is no pack: it is neither a zip nor a tar. Bring a zip or tar of one."
    )
    assert said["AvatarUrl"] == ""
    with pytest.raises(errors.DigitalHumanBroken):
        api.create(human, room_id="r", stream_id="failed")
    api.call("DeleteDigitalHuman", DigitalHumanId=human)
    with pytest.raises(errors.DigitalHumanNotFound):
        info(api, human)
    with pytest.raises(errors.DigitalHumanNotFound):
        api.call("DeleteDigitalHuman", DigitalHumanId=human)


def test_section_2_3_a_form_that_is_none_or_too_large_is_refused(api, server):
    from bunraku.client import query

    for content, kind in ((b"--x", "multipart/form-data; boundary=y"), (b"", "multipart/form-data")):
        params = query("CreateDigitalHuman", *api.credentials)
        answer = api.http.post("/", params=params, content=content, headers={"Content-Type": kind})
        assert envelope(answer)["Code"] in (100000012, 400000001)


async def test_section_13_3_both_clients_make_show_and_delete(server, api, pack, tmp_path):
    file = tmp_path / "lucy.tgz"
    file.write_bytes(tarred(pack))
    human = api.make_digital_human("Of a client", file, kind="pack", consent=True, timbre_id="tone-a")
    assert ended(api, human)["TimbreId"] == "tone-a"
    api.delete_digital_human(human)
    with pytest.raises(errors.InvalidParams, match="Consent"):
        api.make_digital_human("Nobody asked", file, kind="pack", consent=False)
    async with AsyncClient(server.base_url, APP_ID, SECRET) as other:
        human = await other.make_digital_human("Of a client", file, kind="pack", consent=True)
        assert (await other.digital_human(human))["Name"] == "Of a client"
        # While it is made, or just ready: gone in either case.
        await other.delete_digital_human(human)
        with pytest.raises(errors.DigitalHumanNotFound):
            await other.digital_human(human)
        with pytest.raises(errors.InvalidParams, match=r"Source\.Url"):
            await other.make_digital_human("By address", "http://127.0.0.1/a.zip", kind="pack", consent=True)


@pytest.mark.embedded("its fetches may go to loopback")
def test_section_13_3_one_is_fetched_under_the_guard_and_told_of_by_callbacks(pack, receivers):
    from bunraku.testing.server import RunningServer, test_apps
    from bunraku.testing.voices import ToneVoices

    content = zipped(pack)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/pack.zip" else 404)
            self.end_headers()
            self.wfile.write(content if self.path == "/pack.zip" else b"")

        def log_message(self, *_):
            return

    files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=files.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{files.server_address[1]}"
    receiver = receivers()
    apps = test_apps(callback_url=receiver.url)
    server = RunningServer(providers=[ToneVoices()], apps=apps, fetch={"allow_private": True})
    with server, server.client() as api:
        source = {"Type": "pack", "Url": f"{url}/pack.zip"}
        right = api.call("CreateDigitalHuman", Name="By address", Consent=True, Source=source)
        source = {"Type": "pack", "Url": f"{url}/nothing"}
        wrong = api.call("CreateDigitalHuman", Name="By address", Consent=True, Source=source)
        assert ended(api, right["DigitalHumanId"])["State"] == "ready"
        assert "HTTP status 404" in ended(api, wrong["DigitalHumanId"])["FailReason"]
        wait_for(lambda: len(receiver.heard) == 2)
    files.shutdown()
    told = {b["Detail"]["DigitalHumanId"]: b for b in receiver.heard}
    for body in told.values():
        assert (body["EventType"], body["TaskId"], body["AppId"]) == (102, "", APP_ID)
    assert told[right["DigitalHumanId"]]["Detail"] == {**right, "State": "ready"}
    detail = told[wrong["DigitalHumanId"]]["Detail"]
    assert detail.keys() == {"DigitalHumanId", "State", "FailReason"}
    assert detail["State"] == "failed"
