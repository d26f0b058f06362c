"""Digital humans of an app's own: what a maker may do to others, what is left when something dies, what
an app may have, and what is gone when it is deleted."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

import av
import httpx
import psutil
import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.core import errors
from bunraku.front.http import FORMS, FORMS_OF_ONE, Forms
from bunraku.node import people
from bunraku.node.people import archive
from bunraku.node.people.archive import Unreadable, unpack
from bunraku.node.people.uploads import SILENT, Uploads
from bunraku.testing.clock import VirtualClock
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.people import ended, info, made, small_pack, tarred, upload
from ..support.process import Process
from ..support.services import free_port
from ..support.waiting import wait_for

SLOW_MAKER = """
import time
from pathlib import Path

from bunraku.node.people.base import Unsuitable

NETS = False

def make(source, folder, *, name, models, progress):
    asked = source.read_bytes()
    (folder / "marks.json").write_text('{"width": 40, "height": 30, "points": [[1, 2.04], [3, 4]], "at": 1.25}')
    progress(30, "landmarks")
    if asked == b"spin":
        while True:
            pass
    if asked == b"eat":
        eaten = [bytes(1 << 24) for _ in range(1000)]
    if asked == b"write":
        with (folder / "large").open("wb") as file:
            while True:
                file.write(bytes(1 << 20))
    if asked == b"escape":
        (folder / "manifest.json").symlink_to("/etc/passwd")
        return []
    if asked == b"crash":
        import ctypes
        ctypes.string_at(0)
    if asked == b"fault":
        raise RuntimeError("ours")
    if asked == b"never":
        time.sleep(600)
    raise Unsuitable("There is no face in the picture.", "Take one from the front.")
"""


@pytest.fixture(scope="module", autouse=True)
def scripted(tmp_path_factory):
    """Another kind of source, which does what the file says. Workers find it as they find others."""
    place = tmp_path_factory.mktemp("kinds")
    (place / "video").mkdir()
    (place / "video" / "__init__.py").touch()
    (place / "video" / "maker.py").write_text(SLOW_MAKER)
    hook = place / "sitecustomize.py"
    hook.write_text(f"from bunraku.node import people\npeople.__path__.insert(0, {str(place)!r})\n")
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]))
    patch.setattr(people, "__path__", [str(place), *people.__path__])
    from bunraku.node.people.kinds import kinds

    kinds.cache_clear()
    yield
    patch.undo()
    kinds.cache_clear()


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return tarred(small_pack(tmp_path_factory.mktemp("packs") / "lucy"))


LIMITS = {
    "most": 3,
    "most_making": 3,
    "pack_bytes": 8 * 1024**2,
    "video_bytes": 1024**2,
    "video_seconds": 60.0,
    "video_memory": 1024**3,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    with RunningServer(
        providers=[ToneVoices()], data_dir=data, cache_dir=data / "cache", people=LIMITS
    ) as server:
        yield server


@pytest.fixture
def mine(served):
    with served.client() as client:
        yield client
        for human in client.call("GetDigitalHumanList", FetchMode=3)["DigitalHumans"]:
            client.delete_digital_human(human["DigitalHumanId"])


def begun(client, content, **fields):
    answer = upload(client, content, **({"Source.Type": "video"} | fields)).json()
    assert answer["Code"] == 0, answer
    return answer["Data"]["DigitalHumanId"]


def left(served):
    """Files of anybody's digital humans."""
    data = served.settings.data_dir
    places = (data / "people", *(data / "cache").glob("people-*"), *(data / "cache").glob("making-*"))
    return [p for place in places for p in place.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"eat", "too much time or memory"),
        (b"write", "could not make it"),
        (b"crash", "too much time or memory"),
        (b"fault", "could not make it"),
        (b"escape", "could not make it"),
        (b"no face", "There is no face in the picture. Take one from the front."),
    ],
)
def test_a_file_fails_its_own_making_at_worst(served, mine, content, said):
    human = begun(mine, content)
    assert said in ended(mine, human)["FailReason"]
    assert left(served) == []
    assert mine.call("GetDigitalHumanInfo", DigitalHumanId=human)["State"] == "failed"


def test_what_takes_too_long_is_ended_and_marks_are_shown_until_then():
    with RunningServer(providers=[], people={"video_seconds": 1.5}) as hasty, hasty.client() as api:
        human = begun(api, b"spin")

        def shown():
            (found,) = httpx.get(f"{hasty.base_url}/console/people/{APP_ID}").json()["people"]
            return found

        wait_for(lambda: shown()["progress"] == 30)
        assert shown()["marks"] == {"width": 40, "height": 30, "points": [[1.0, 2.0], [3.0, 4.0]], "at": 1.25}
        assert shown()["step"] == "landmarks"
        assert "too much time" in ended(api, human)["FailReason"]
        assert shown()["marks"] is None


def test_makers_give_way_to_everything_and_deleting_ends_them(served, mine):
    human = begun(mine, b"never")
    wait_for(lambda: info(mine, human)["Progress"] == 30)
    zygote = psutil.Process(served.parts.workers.pid)
    (maker,) = [p for p in zygote.children() if p.nice() >= 19]
    mine.delete_digital_human(human)
    wait_for(lambda: not maker.is_running() or maker.status() == psutil.STATUS_ZOMBIE)
    assert left(served) == []
    with pytest.raises(errors.DigitalHumanNotFound):
        info(mine, human)


def test_an_app_has_so_many_and_another_waits_one_turn_at_most(served, mine, pack):
    first, second, third = (begun(mine, b"never") for _ in range(3))
    full = upload(mine, b"never", **{"Source.Type": "video"}).json()
    assert full["Code"] == 400010002
    assert "3 made at once" in full["Message"]
    with served.client(OTHER_APP_ID, OTHER_SECRET) as other:
        answer = upload(other, pack).json()
        human = answer["Data"]["DigitalHumanId"]
        mine.delete_digital_human(first)
        wait_for(lambda: info(mine, second)["Progress"] == 30)
        mine.delete_digital_human(second)
        assert ended(other, human)["State"] == "ready"
        other.delete_digital_human(human)
    wait_for(lambda: info(mine, third)["Progress"] == 30)
    mine.delete_digital_human(third)


def test_a_file_is_as_large_as_its_kind_may_be(served, mine, pack):
    """Each kind has limits of its own, and a front takes what the largest of them may be."""
    assert len(pack) > 100_000
    large = upload(mine, bytes(1024**2 + 1), **{"Source.Type": "video"}).json()
    assert (large["Code"], "1048576 bytes that a video" in large["Message"]) == (400000001, True)
    begun(mine, bytes(1024**2))
    made(mine, pack + bytes(1024**2))


def test_each_can_be_seen_at_rest(served, mine, pack):
    """As the console shows those that have no gestures."""
    picture = info(mine, made(mine, pack))["AvatarUrl"]
    film = httpx.get(f"{picture.rpartition('/')[0]}/preview.mp4", timeout=60)
    assert film.status_code == 200
    with av.open(io.BytesIO(film.content)) as opened:
        assert opened.duration / 1e6 == pytest.approx(0.4 + 4.0 + 0.8, abs=0.1)


def test_an_app_may_have_so_many(served, mine, pack):
    for _ in range(3):
        made(mine, pack)
    full = upload(mine, pack).json()
    assert full["Code"] == 400010007
    assert "3 digital humans" in full["Message"]


def test_deleting_deletes_files_wherever_they_are(served, mine, pack):
    human = made(mine, pack)
    other = made(mine, pack)
    task = mine.create(human, room_id="r", stream_id="s", size=(128, 128))
    wait_for(lambda: mine.status(task)["Status"] == 3)
    assert httpx.get(info(mine, human)["AvatarUrl"]).status_code == 200
    picture = info(mine, human)["Actions"][0]["PreviewUrl"]
    assert httpx.get(picture, timeout=60).status_code == 200
    kept = {p.name for p in left(served) if human in str(p)}
    assert {f"{human}.tar", "manifest.json", "nod.mp4"} <= kept
    assert any(name.endswith(".map") for name in kept)  # what was decoded
    with pytest.raises(errors.InvalidParams, match="a stream task shows it"):
        mine.delete_digital_human(human)
    mine.stop(task)
    wait_for(lambda: mine.status(task)["Status"] == 5)
    mine.delete_digital_human(human)
    assert [p for p in left(served) if human in str(p)] == []
    assert [p for p in left(served) if other in str(p)] != []
    assert httpx.get(picture).status_code == 404


def test_a_backup_takes_them_along_and_no_cache(served, mine, pack, tmp_path):
    human = made(mine, pack)
    out, data = tmp_path / "backup.tgz", served.settings.data_dir
    done = CliRunner().invoke(main, ["backup", "--data-dir", str(data), str(out)])
    assert done.exit_code == 0, done.output
    with tarfile.open(out) as archived:
        names = [name for name in archived.getnames() if human in name]
    assert names == [f"people/{APP_ID}/{human}.tar"]


def test_a_pack_that_was_damaged_or_lost_where_it_is_kept_says_so(served, mine, pack):
    human = made(mine, pack)
    kept = served.settings.data_dir / "people" / str(APP_ID) / f"{human}.tar"
    whole = kept.read_bytes()
    for content in (whole[:-1000], whole[:5000] + b"x" + whole[5001:], None):
        kept.unlink() if content is None else kept.write_bytes(content)
        with pytest.raises(errors.DigitalHumanBroken):
            mine.create(human, room_id="r", stream_id="damaged", size=(128, 128))
    kept.write_bytes(whole)
    mine.stop(mine.create(human, room_id="r", stream_id="mended", size=(128, 128)))


def test_what_one_is_drawn_from_is_for_watchers_of_its_app_alone(served, mine, pack):
    human = made(mine, pack)
    assert httpx.get(info(mine, human)["AvatarUrl"]).status_code == 200  # it was brought

    def art(app_id, name):
        asked = served.parts.node.art(app_id, name)
        return served.begin(asked).result(20)

    name = served.parts.people.packs.find(APP_ID, human).art
    assert len(art(APP_ID, name)) > 10_000
    assert art(OTHER_APP_ID, name) is None
    mine.delete_digital_human(human)
    assert art(APP_ID, name) is None


def test_of_a_birth_and_a_deletion_one_is_refused(served, mine, pack):
    """Whichever is first: never is a task on a stage whose digital human is gone."""
    human = made(mine, pack)

    async def race(i):
        from bunraku.client import AsyncClient
        from bunraku.testing.server import SECRET

        async with (
            AsyncClient(served.base_url, APP_ID, SECRET) as a,
            AsyncClient(served.base_url, APP_ID, SECRET) as b,
        ):
            return await asyncio.gather(
                a.create(human, room_id="race", stream_id=f"race-{i}", size=(128, 128)),
                b.delete_digital_human(human),
                return_exceptions=True,
            )

    born, gone = asyncio.run(race(0))
    assert isinstance(born, str) != (gone is None), (born, gone)
    if isinstance(born, str):
        mine.stop(born)


def told(receiver):
    return {
        e["Detail"]["DigitalHumanId"]: e["Detail"]["State"] for e in receiver.heard if e["EventType"] == 102
    }


def test_a_server_that_dies_leaves_nobody_being_made_for_ever(tmp_path, pack, receivers):
    """The next life says that it failed, and clears what was left."""
    receiver = receivers()
    extra = f'callback_url = "{receiver.url}"'
    first = Process(tmp_path, free_port(), extra)
    with first.api() as api:
        ready, human = made(api, pack), begun(api, b"never")
        wait_for(lambda: info(api, human)["Progress"] == 30)
    work = list(Path(os.environ["BUNRAKU_CACHE_DIR"]).glob(f"making-*/{human}"))
    assert len(work) == 1
    first.end(signal.SIGKILL)
    second = Process(tmp_path, free_port(), extra)
    try:
        with second.api() as api:
            said = info(api, human)
            assert said["State"] == "failed"
            assert said["FailReason"].startswith("The server that made it stopped")
            assert not work[0].exists()
            task = api.create(ready, room_id="r", stream_id="s", size=(128, 128))
            wait_for(lambda: api.status(task)["Status"] == 3)
            wait_for(lambda: told(receiver) == {ready: "ready", human: "failed"})
            human = begun(api, b"never")
            wait_for(lambda: info(api, human)["Progress"] == 30)
    finally:
        second.end(signal.SIGTERM)
    # In order it says so itself, with its callback.
    assert told(receiver)[human] == "failed"


def test_an_app_that_is_erased_leaves_no_digital_human(served, pack):
    with served.client(OTHER_APP_ID, OTHER_SECRET) as other:
        human, making = made(other, pack), begun(other, b"never")
    assert [p for p in left(served) if str(OTHER_APP_ID) in str(p)] != []

    async def erase():
        node = served.parts.node
        await node.dismiss(OTHER_APP_ID)
        return await node.erase_files(OTHER_APP_ID)

    erased = served.begin(erase()).result(20)
    assert erased.left == ""
    assert erased.files >= 1
    assert [p for p in left(served) if human in str(p) or making in str(p)] == []
    with served.client(OTHER_APP_ID, OTHER_SECRET) as other:
        assert info(other, making)["FailReason"].startswith("The server stopped")


# --- archives


def entries(tmp_path, *given, kind="tar"):
    """An archive of names and what they are: bytes, or the target of a link."""
    out = tmp_path / "archive"
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archived:
            for name, content in given:
                archived.writestr(name, content)
        return out
    with tarfile.open(out, "w:gz") as archived:
        for name, content in given:
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archived.addfile(entry)
            else:
                entry.size = len(content)
                archived.addfile(entry, io.BytesIO(content))
    return out


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize(
    "names",
    [
        ["../a"],
        ["/etc/a"],
        ["a/b/c"],
        ["a/../../b"],
        [".hidden"],
        ["a", "A"],
        ["x/a", "y/b"],
        ["a\\..\\b"],
        ["é"],
        [],
    ],
)
def test_names_that_are_none_of_a_pack_are_refused(tmp_path, kind, names):
    (tmp_path / "out").mkdir()
    with pytest.raises(Unreadable):
        unpack(entries(tmp_path, *((n, b"x") for n in names), kind=kind), tmp_path / "out", 1000)
    assert {p.name for p in tmp_path.iterdir()} == {"archive", "out"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_bombs_links_and_halves_are_refused(tmp_path, kind):
    for i, given in enumerate((("bomb", bytes(2_000_000)), ("link", "/etc/passwd"))):
        if kind == "zip" and given[0] == "link":
            continue
        (tmp_path / f"out{i}").mkdir()
        with pytest.raises(Unreadable, match=r"too large|no plain file"):
            unpack(entries(tmp_path, given, kind=kind), tmp_path / f"out{i}", 1_000_000)
    whole = entries(tmp_path, ("a", os.urandom(50_000)), kind=kind)
    (tmp_path / "half").mkdir()
    whole.write_bytes(whole.read_bytes()[:20_000])
    with pytest.raises(Unreadable):
        unpack(whole, tmp_path / "half", 1_000_000)


def test_the_same_files_make_the_same_archive(tmp_path):
    for n in (1, 2):
        folder = tmp_path / str(n)
        folder.mkdir()
        for name in ("b", "a") if n == 1 else ("a", "b"):
            (folder / name).write_bytes(name.encode())
        os.utime(folder / "a", (n, n))
    assert archive.write(tmp_path / "1", tmp_path / "1.tar") == archive.write(
        tmp_path / "2", tmp_path / "2.tar"
    )
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "1.tar", tmp_path / "out", 100)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a", "b"]


def test_no_app_holds_all_the_forms_there_may_be():
    forms = Forms()
    with ExitStack() as held:
        for _ in range(FORMS_OF_ONE):
            held.enter_context(forms.of(1))
        with pytest.raises(errors.SystemBusy), forms.of(1):
            pass
        for app in range(2, 2 + (FORMS - FORMS_OF_ONE) // 2):
            held.enter_context(forms.of(app))
            held.enter_context(forms.of(app))
        with pytest.raises(errors.SystemBusy), forms.of(99):
            pass
    with forms.of(1):
        pass


def test_a_front_that_vanishes_amid_a_file_leaves_nothing_for_long(tmp_path):
    clock = VirtualClock()
    uploads = Uploads(tmp_path / "uploads", 100, clock)
    uploads.add("half", b"x")
    with pytest.raises(errors.InvalidParams, match="larger"):
        uploads.add("large", bytes(101))
    assert [p.name for p in (tmp_path / "uploads").iterdir()] == ["half"]
    clock.jump(SILENT)
    uploads.add("half", b"x")  # it goes on
    clock.jump(SILENT)
    uploads.add("other", b"z")
    assert sorted(p.name for p in (tmp_path / "uploads").iterdir()) == ["half", "other"]
    clock.jump(0.1)
    uploads.add("next", b"y")
    assert sorted(p.name for p in (tmp_path / "uploads").iterdir()) == ["next", "other"]
    with pytest.raises(errors.InvalidParams, match="File"):
        uploads.take("half")
