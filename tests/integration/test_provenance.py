"""Signed films: what is written is read back, and a changed film is found out."""

from __future__ import annotations

import asyncio
import http.server
import stat
import threading

import av
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from bunraku import __version__
from bunraku.cli import main
from bunraku.core.framing import Framing
from bunraku.core.media import SpeechChunk
from bunraku.core.settings import ProvenanceSettings
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.film import film
from bunraku.node.provenance import SOURCE_TYPE, ProvenanceUnusable, credentials, seal_of
from bunraku.testing.voices import tone

pytest.importorskip("c2pa", reason="bunraku[c2pa] is not installed")


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    done = run("provenance", "make-certificate", folder)
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    return folder


def settings(keys, **changes):
    return ProvenanceSettings(**{"certificate": keys / "chain.pem", "key": keys / "key.pem"} | changes)


@pytest.fixture(scope="module")
def signed(keys, tmp_path_factory):
    out = tmp_path_factory.mktemp("film") / "greeting.mp4"
    said = [SpeechChunk(tone(300, 0.2))]
    asyncio.run(film(Catalog().list()[0], Framing(128, 128), said, out, seal=seal_of(settings(keys))))
    assert [p.name for p in out.parent.iterdir()] == ["greeting.mp4"]
    return out


def test_a_film_says_that_it_is_synthetic_and_who_signed_it(signed, keys):
    found = credentials(signed, (keys / "root.pem").read_bytes())
    assert (found.state, found.faults) == ("Trusted", ())
    assert (found.title, found.generator) == ("greeting.mp4", f"Bunraku {__version__}")
    assert (found.source_types, found.signer) == ((SOURCE_TYPE,), "Bunraku trial")
    # Who does not know the signer still sees that nothing was changed.
    stranger = credentials(signed)
    assert (stranger.state, stranger.faults) == ("Valid", ("signingCredential.untrusted",))
    with av.open(str(signed)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 20
    shown = run("provenance", "show", signed, "--trust", keys / "root.pem")
    assert shown.exit_code == 0
    assert shown.output.startswith("Trusted: greeting.mp4")


def test_a_film_that_was_changed_is_found_out(signed, tmp_path):
    data = signed.read_bytes()
    begin = data.index(b"mdat") + 4
    for at in (begin + 100, (begin + len(data)) // 2, data.index(b"c2pa.created") + 5):
        changed = bytearray(data)
        changed[at] ^= 1
        out = tmp_path / "changed.mp4"
        out.write_bytes(changed)
        assert credentials(out).state == "Invalid", at
        assert run("provenance", "show", out).exit_code == 1
    (tmp_path / "short.mp4").write_bytes(data[:-2000])
    assert credentials(tmp_path / "short.mp4").state == "Invalid"


@pytest.mark.parametrize("flags", ["", "frag_keyframe+empty_moov+default_base_moof"])
def test_plain_and_fragmented_files_can_be_signed_whole(keys, tmp_path, flags):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": flags} if flags else {}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    assert credentials(path) is None
    assert "no manifest" in run("provenance", "show", path).output
    seal_of(settings(keys)).sign(path, "a.mp4")
    assert credentials(path).state == "Valid"
    changed = bytearray(path.read_bytes())
    changed[changed.rindex(b"mdat") + 10] ^= 1
    path.write_bytes(changed)
    assert credentials(path).state == "Invalid"


@pytest.mark.voices
def test_render_signs_by_its_configuration(keys, tmp_path):
    config, out = tmp_path / "bunraku.toml", tmp_path / "b.mp4"
    config.write_text(f'[provenance]\ncertificate = "{keys}/chain.pem"\nkey = "{keys}/key.pem"\n')
    options = ("--voice", "en-us-evan", "--size", "64x64", "--config", config)
    done = run("render", "--text", "Hi.", *options, "-o", out)
    assert done.exit_code == 0, done.output
    assert credentials(out).title == "b.mp4"
    config.write_text(f'[provenance]\ncertificate = "{keys}/chain.pem"\nkey = "{keys}/gone.pem"\n')
    refused = run("render", "--text", "Hi.", *options, "-o", tmp_path / "c.mp4")
    assert (refused.exit_code, "provenance.key" in refused.output) == (1, True)
    assert not (tmp_path / "c.mp4").exists()


def test_keys_that_nobody_would_believe_are_refused_before_the_first_film(keys, tmp_path):
    other = ec.generate_private_key(ec.SECP256R1())
    strange = ec.generate_private_key(ec.SECP256K1())
    for name, key in (("other", other), ("strange", strange)):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.pem").write_bytes(pem)
    (tmp_path / "empty.pem").write_bytes(b"")
    for changes, said in (
        ({"key": tmp_path / "other.pem"}, "first certificate"),
        ({"key": tmp_path / "strange.pem"}, "first certificate"),
        ({"key": tmp_path / "empty.pem"}, "PEM"),
        ({"certificate": tmp_path / "empty.pem"}, "PEM"),
        ({"certificate": keys / "root.pem"}, "first certificate"),
        ({"certificate": tmp_path / "none.pem"}, "no such file"),
    ):
        with pytest.raises(ProvenanceUnusable, match=said):
            seal_of(settings(keys, **changes))
    with pytest.raises(ValidationError, match="belong together"):
        ProvenanceSettings(key=keys / "key.pem")
    assert seal_of(ProvenanceSettings()) is None
    assert "BEGIN" not in repr(seal_of(settings(keys))).split("chain=")[0]
    assert "PRIVATE" not in repr(seal_of(settings(keys)))


async def test_a_time_stamping_authority_is_asked_and_its_failure_leaves_no_film(keys, tmp_path):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.headers["Content-Type"])
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seal = seal_of(settings(keys, timestamps=f"http://127.0.0.1:{server.server_port}/"))
    out = tmp_path / "d.mp4"
    with pytest.raises(ProvenanceUnusable):
        await film(Catalog().list()[0], Framing(64, 64), [SpeechChunk(tone(300, 0.1))], out, seal=seal)
    server.shutdown()
    assert asked == ["application/timestamp-query"]
    assert list(tmp_path.iterdir()) == []
