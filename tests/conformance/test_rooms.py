"""Rooms: login, messages, WHEP (contract sections 9 to 11), on real sockets."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import pytest

from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, SECRET, RunningServer

from ..support.ear import listen, watchers
from ..support.members import Member
from ..support.waiting import drive_status, wait_for


async def test_section_9_messages_mark_the_audible_start_and_end(server, api, create):
    task = create(room_id="talk", stream_id="talk-1")
    async with (
        Member(server, "talk", "a") as a,
        Member(server, "talk", "b") as b,
        Member(server, "x", "c") as c,
    ):
        drives = [api.speak(task, "one two", timbre_id="tone-a") for _ in range(2)]
        for member in (a, b):
            await member.until(lambda m=member: len(m.messages(1001)) == 4)
            found = [(m["Data"]["Status"], m["Data"]["DriveId"]) for m in member.messages(1001)]
            assert found == [(2, drives[0]), (4, drives[0]), (2, drives[1]), (4, drives[1])]
            for m in member.messages(1001):
                assert m["Product"] == "digitalhuman"
                assert len(str(m["Timestamp"])) == 13
        assert c.events("message") == []


async def test_section_9_a_discarded_drive_says_nothing_and_an_interrupted_one_ends(server, api, create):
    task = create(room_id="cut", stream_id="cut-1")
    async with Member(server, "cut", "a") as a:
        first = api.speak(task, "a b c d e f", timbre_id="tone-a")
        api.speak(task, "never", timbre_id="tone-a")
        await a.until(lambda: len(a.messages(1001)) == 1)
        api.interrupt(task)
        await a.until(lambda: len(a.messages(1001)) == 2)
        await asyncio.sleep(0.3)
        assert [(m["Data"]["Status"], m["Data"]["DriveId"]) for m in a.messages(1001)] == [
            (2, first),
            (4, first),
        ]


async def test_section_6_3_text_without_a_sound_begins_and_ends(server, api, create):
    """Pieces of a language model's answer often hold nothing to pronounce."""
    task = create(room_id="mute", stream_id="mute-1")
    async with Member(server, "mute", "a") as a:
        drive = api.speak(task, "…", timbre_id="tone-a")
        await a.until(lambda: len(a.messages(1001)) == 2)
        assert [(m["Data"]["Status"], m["Data"]["DriveId"]) for m in a.messages(1001)] == [
            (2, drive),
            (4, drive),
        ]


async def test_section_13_captions_carry_word_times(server, api, create):
    task = create(room_id="cap", stream_id="cap-1")
    async with Member(server, "cap", "a") as a:
        drive = api.speak(task, "alpha beta gamma", timbre_id="tone-a")
        await a.until(lambda: len(a.messages(1001)) == 2)
        words = [w for m in a.messages(2001) for w in m["Data"]["Words"]]
        assert [w["Text"] for w in words] == ["alpha", "beta", "gamma"]
        assert [w["StartMs"] for w in words] == [0, 300, 600]
        assert {m["Data"]["DriveId"] for m in a.messages(2001)} == {drive}


async def test_section_11_4_streams_at_login_and_later_and_their_end(server, api, create):
    async with Member(server, "see", "early") as early:
        assert early.heard[0]["streams"] == []
        task = create(room_id="see", stream_id="see-1")
        await early.until(lambda: early.events("streams"))
        added = early.events("streams")[0]
        assert added["update"] == "ADD"
        assert added["streams"][0]["streamID"] == "see-1"
        assert added["streams"][0]["user"] == {"userID": f"dh_{task}", "userName": "digitalhuman"}
        async with Member(server, "see", "late") as late:
            assert [s["streamID"] for s in late.heard[0]["streams"]] == ["see-1"]
            await early.until(lambda: early.events("users"))
            api.stop(task)
            for member in (early, late):
                await member.until(lambda m=member: any(e["update"] == "DELETE" for e in m.events("streams")))


async def test_section_11_5_a_second_login_kicks_the_first(server):
    async with Member(server, "kick", "same") as first, Member(server, "kick", "same"):
        await first.until(lambda: first.events("kickout"))
        assert first.events("kickout")[0]["code"] == 1002050


async def test_section_11_4_a_second_login_is_one_user_to_the_others(server):
    async with Member(server, "twice", "other") as other:
        async with Member(server, "twice", "same"), Member(server, "twice", "same"):
            await other.until(lambda: len(other.events("users")) == 3)
        assert [e["update"] for e in other.events("users")][:3] == ["ADD", "DELETE", "ADD"]


@pytest.mark.embedded("sockets of the server are looked at")
async def test_section_7_1_peers_that_vanish_are_found_by_the_kernel(server):
    import socket

    async with Member(server, "alive", "u") as member:
        port = member.socket.local_address[1]
        accepted = [
            c.transport.get_extra_info("socket")
            for c in server.uvicorn.server_state.connections
            if c.transport.get_extra_info("peername")[1] == port
        ]
        assert [s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for s in accepted] == [1]
        assert [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) for s in accepted] == [30]


@pytest.mark.embedded("it starts and stops a server of its own")
async def test_section_6_3_members_hear_of_the_end_when_the_server_stops(human_id):
    with RunningServer(providers=[]) as leaving:
        with leaving.client() as api:
            task = api.create(human_id, room_id="last", stream_id="s", size=(128, 128))
            wait_for(lambda: api.status(task)["Status"] == 3)
        member = await Member(leaving, "last", "u").__aenter__()
        leaving.uvicorn.should_exit = True
        await member.until(lambda: any(e["update"] == "DELETE" for e in member.events("streams")))
    await member.__aexit__()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": "04bad"}, 1102016),
        ({"token": generate(APP_ID, "u", SECRET, time.time() - 7200, 3600)}, 1102018),
        ({"token": generate(APP_ID, "other", SECRET, time.time())}, 1102020),
        ({"token": generate(OTHER_APP_ID, "u", OTHER_SECRET, time.time())}, 1102016),
        ({"appID": 404}, 1102020),
        ({"appID": "x"}, 1100001),
        ({"roomID": ""}, 1002011),
        ({"roomID": "r" * 129}, 1002013),
        ({"roomID": "a\nb"}, 1002012),
        ({"roomID": "a\ud800"}, 1002012),
        ({"appID": True}, 1100001),
        ({"userID": "u\ud800"}, 1100001),
        ({"userID": "u" * 65}, 1100001),
        ({"type": "nonsense"}, 1100001),
    ],
)
async def test_section_10_3_refused_logins(server, changes, code):
    async with Member(server, "door", "u", **changes) as member:
        assert member.heard[0]["event"] == "error"
        assert member.heard[0]["code"] == code


async def test_tenants_never_see_each_other(server, api, other_api, create, human_id):
    create(room_id="shared-name", stream_id="mine")
    async with Member(server, "shared-name", "u", OTHER_APP_ID, OTHER_SECRET) as other:
        assert other.heard[0]["streams"] == []
        other_api.create(human_id, room_id="shared-name", stream_id="theirs", size=(128, 128))
        await other.until(lambda: other.events("streams"))
        assert [s["streamID"] for s in other.events("streams")[0]["streams"]] == ["theirs"]


def test_whep_refusals(server, api, create):
    task = create(room_id="whep", stream_id="whep-1")
    wait_for(lambda: api.status(task)["Status"] == 3)
    url = f"{server.base_url}/whep/{APP_ID}/whep-1"
    good = {
        "Authorization": f"Bearer {generate(APP_ID, 'u', SECRET, time.time())}",
        "Content-Type": "application/sdp",
    }
    assert httpx.post(url, content="v=0").status_code == 401
    assert httpx.post(url, content="v=0", headers=good | {"Content-Type": "text/plain"}).status_code == 415
    assert httpx.post(url[:-1] + "9", content="v=0", headers=good).status_code == 404
    assert httpx.post(url, content="v=0\r\nnonsense", headers=good).status_code == 400
    elsewhere = generate(
        APP_ID,
        "u",
        SECRET,
        time.time(),
        payload='{"room_id":"other","privilege":{"1":1},"stream_id_list":null}',
    )
    headers = good | {"Authorization": f"Bearer {elsewhere}"}
    assert httpx.post(url, content="v=0", headers=headers).status_code == 401
    assert httpx.delete(f"{server.base_url}/whep/session/nope").status_code == 404
    assert httpx.options(url).headers["access-control-allow-methods"] == "POST, DELETE, OPTIONS"
    assert watchers(server, task) == 0


async def test_section_10_3_who_is_in_the_room_plays_on_when_the_token_expires(server, api, create):
    """Expiry is about logging in: a stream that comes back an hour later is still played."""
    task = create(room_id="long", stream_id="long-1")
    await asyncio.to_thread(wait_for, lambda: api.status(task)["Status"] == 3)
    elsewhere = create(room_id="elsewhere", stream_id="elsewhere-1")
    await asyncio.to_thread(wait_for, lambda: api.status(elsewhere)["Status"] == 3)
    short, other = (generate(APP_ID, "u", SECRET, time.time() - 7200, 7203 + i) for i in (0, 1))
    stranger = generate(APP_ID, "v", SECRET, time.time() - 7200, 7203)
    expired = (401, "1102018")

    async def status(token, path=f"whep/{APP_ID}/long-1"):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{server.base_url}/{path}", content="v=0", headers=headers)
        return answer.status_code, answer.text[:7]

    async with Member(server, "long", "u", token=short) as member, Member(server, "long", "w") as witness:
        assert member.heard[0]["event"] == "login"
        await member.until(lambda: asyncio.run(status(stranger))[0] == 401)
        # 400 and 404 come after the door: the offer is none, the stream is none.
        assert (await status(short))[0] == 400
        assert (await status(short, f"whep/{APP_ID}/long-2"))[0] == 404
        assert (await status(short, f"whip/{APP_ID}/long/own"))[0] == 400
        # Nothing of this opens other rooms, though the token names none.
        assert await status(short, f"whep/{APP_ID}/elsewhere-1") == expired
        assert await status(short, f"whip/{APP_ID}/elsewhere/own") == expired
        await member.until(lambda: asyncio.run(status(other)) == expired)
        await member.socket.close()
        await witness.until(lambda: asyncio.run(status(short)) == expired)


async def test_section_11_5_a_second_login_is_not_counted_beside_the_first(server):
    async with Member(server, "twice", "u") as first, Member(server, "twice", "u") as second:
        assert (second.heard[0]["users"], second.heard[0]["count"]) == ([], 1)
        await second.until(lambda: first.events("kickout"))


async def test_section_10_3_a_renewed_token_replaces_the_one_before(server, api, create):
    task = create(room_id="renewed", stream_id="renewed-1")
    await asyncio.to_thread(wait_for, lambda: api.status(task)["Status"] == 3)
    short = generate(APP_ID, "u", SECRET, time.time() - 7200, 7203)

    def status():
        headers = {"Authorization": f"Bearer {short}", "Content-Type": "application/sdp"}
        url = f"{server.base_url}/whep/{APP_ID}/renewed-1"
        return httpx.post(url, content="v=0", headers=headers, trust_env=False).status_code

    async with Member(server, "renewed", "u", token=short) as member:
        fresh = generate(APP_ID, "u", SECRET, time.time())
        await member.socket.send(json.dumps({"type": "renew", "token": fresh}))
        await member.until(lambda: status() == 401)


def test_section_5_8_one_digital_human_repeats_another(server, api, create):
    """Through Opus and back; the end of the source is the drive's."""
    speaker = create(room_id="stage", stream_id="speaker")
    echo = create(room_id="hall", stream_id="echo")  # of a cluster perhaps on another node
    wait_for(lambda: [api.status(t)["Status"] for t in (speaker, echo)] == [3, 3])
    ear = listen(server, "echo")
    source = {"RoomId": "stage", "StreamId": "speaker"}
    drive = api.call("DriveByRTCStream", TaskId=echo, RTCConfig=source)["DriveId"]
    wait_for(lambda: drive_status(api, drive) == 2)
    assert ear.voiced == 0
    api.speak(speaker, "one two three", timbre_id="tone-a")
    wait_for(lambda: ear.voiced > 0.7)
    assert drive_status(api, drive) == 2
    assert watchers(server, speaker) == 1
    api.interrupt(echo)
    wait_for(lambda: watchers(server, speaker) == 0)
    again = api.call("DriveByRTCStream", TaskId=echo, RTCConfig=source)["DriveId"]
    wait_for(lambda: drive_status(api, again) == 2)
    api.stop(speaker)
    wait_for(lambda: drive_status(api, again) == 4)
    assert watchers(server, echo) == 1
    ear.leave()
