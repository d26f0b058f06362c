"""Content credentials in films and recordings: a C2PA manifest that says they are artificial, signed by the
operator.

The manifest and its signature lie in the MP4 itself (C2PA 2, section "Embedding manifests into BMFF-based
assets"); any change to the file afterwards shows. ``bunraku[c2pa]`` does the work.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from bunraku import __version__

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
"""IPTC: a composite of several elements, at least one of which is synthetic. True of every film: a figure
that is drawn, or made of footage, speaks with a voice that is made or was somebody's."""

SPOOL = 16
"""MB of a file that one of the library's two buffers holds before it goes on in ``TMPDIR``; the other's 512
cannot be changed."""

CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


MISSING = 'signing films needs an extra: pip install "bunraku[c2pa]"'


class ProvenanceUnusable(Exception):
    """Films cannot be signed as the settings say; the text says why, and holds nothing secret."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Signs films in place. Thread-safe; takes as long as reading the film twice, and as much memory as the
    film has bytes, 600 MB at most."""

    algorithm: str
    chain: bytes
    key: bytes = field(repr=False)
    timestamps: str | None = None

    def sign(self, film: Path, title: str) -> None:
        """Put the manifest into an MP4. Raises ``ProvenanceUnusable``; then the film is as it was."""
        c2pa = _library()
        signed = half_signed(film)
        try:
            info = c2pa.C2paSignerInfo(self.algorithm, self.chain, self.key, self.timestamps)
            with (
                c2pa.Context.from_dict({"core": {"backing_store_memory_threshold_in_mb": SPOOL}}) as context,
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder(_manifest(title), context) as builder,
            ):
                builder.sign_file(str(film), str(signed), signer)
            os.replace(signed, film)
        except c2pa.C2paError as error:
            raise ProvenanceUnusable(f"the film cannot be signed: {error}") from None
        finally:
            signed.unlink(missing_ok=True)


def half_signed(film: Path) -> Path:
    """Where a film lies while it is being signed."""
    return film.with_name(f".{film.stem}.signed{film.suffix}")


def _manifest(title: str) -> dict[str, Any]:
    agent = {"name": "Bunraku", "version": __version__}
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": agent}
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [created]}}
    return {"claim_generator_info": [agent], "title": title, "assertions": [actions]}


def _library() -> Any:
    try:
        return importlib.import_module("c2pa")
    except ImportError:
        raise ProvenanceUnusable(MISSING) from None


class Sealing(Protocol):
    """What of ``core.settings.ProvenanceSettings`` signs. A worker has only this much of the settings."""

    @property
    def certificate(self) -> Path | None: ...
    @property
    def key(self) -> Path | None: ...
    @property
    def timestamps(self) -> str | None: ...


def seal_of(settings: Sealing) -> Seal | None:
    """None when the settings name no certificate. Raises ``ProvenanceUnusable`` for one that no reader
    would believe, so that it is known at start and not after the first film."""
    if settings.certificate is None or settings.key is None:
        return None
    if importlib.util.find_spec("c2pa") is None:
        raise ProvenanceUnusable(MISSING)
    chain, key = _read(settings.certificate, "certificate"), _read(settings.key, "key")
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        private: Any = load_pem_private_key(key, None)
        held = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ProvenanceUnusable("provenance.certificate and key must be PEM, without a password") from None
    signer = certificates[0]
    if signer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != held:
        raise ProvenanceUnusable("provenance.key is not that of the first certificate")
    if signer.issuer == signer.subject:
        raise ProvenanceUnusable("provenance.certificate is self-signed: C2PA wants one that another signed")
    now = datetime.datetime.now(datetime.UTC)
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        raise ProvenanceUnusable("provenance.certificate is not valid now")
    return Seal(_algorithm(private), chain, key, settings.timestamps)


def _algorithm(key: Any) -> str:
    match key:
        case ec.EllipticCurvePrivateKey() if key.curve.name in CURVES:
            return CURVES[key.curve.name]
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
        case rsa.RSAPrivateKey():
            return "ps256"
        case _:
            raise ProvenanceUnusable("provenance.key must be ECDSA (P-256, P-384, P-521), Ed25519 or RSA")


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProvenanceUnusable(f"provenance.{name} {path}: {(error.strerror or '').lower()}") from None


@dataclass(frozen=True, slots=True)
class ContentCredentials:
    """What a film says of itself. ``state``: Trusted, Valid (signed by somebody unknown) or Invalid."""

    state: str
    title: str
    generator: str
    source_types: tuple[str, ...]
    signer: str
    faults: tuple[str, ...]


def credentials(film: Path, anchors: bytes | None = None) -> ContentCredentials | None:
    """Read a film's manifest; None when it has none. ``anchors``: PEM certificates to trust.

    Raises ``ProvenanceUnusable`` when it cannot be read.
    """
    c2pa = _library()
    trust: dict[str, Any] = {"verify": {"verify_trust": True, "remote_manifest_fetch": False}}
    if anchors is not None:
        trust["trust"] = {"trust_anchors": anchors.decode("ascii", "replace")}
    try:
        with (
            c2pa.Context.from_dict(trust) as context,
            film.open("rb") as file,
            c2pa.Reader("video/mp4", file, context=context) as reader,
        ):
            manifest = reader.get_active_manifest() or {}
            state = reader.get_validation_state() or "Invalid"
            results = reader.get_validation_results() or {}
    except c2pa.C2paError.ManifestNotFound:
        return None
    except (c2pa.C2paError, OSError) as error:
        raise ProvenanceUnusable(f"{film}: {error}") from None
    actions = [a for s in manifest.get("assertions", ()) for a in s.get("data", {}).get("actions", ())]
    generator = (manifest.get("claim_generator_info") or [{}])[0]
    return ContentCredentials(
        state,
        str(manifest.get("title", "")),
        f"{generator.get('name', '')} {generator.get('version', '')}".strip(),
        tuple(a["digitalSourceType"] for a in actions if "digitalSourceType" in a),
        str((manifest.get("signature_info") or {}).get("issuer", "")),
        tuple(f["code"] for f in results.get("activeManifest", {}).get("failure", ())),
    )
