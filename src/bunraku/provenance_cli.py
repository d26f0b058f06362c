"""``bunraku provenance``: what a film says of itself, and certificates to try signing with."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 365


@click.group()
def provenance() -> None:
    """Signed films (extra: c2pa)."""


@provenance.command()
@click.argument("film", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--trust",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM certificates of those whom you believe.",
)
def show(film: Path, trust: Path | None) -> None:
    """Say what FILM's manifest says; exit 1 when there is none, or the film was changed."""
    from bunraku.node.provenance import ProvenanceUnusable, credentials

    try:
        found = credentials(film, trust.read_bytes() if trust else None)
    except ProvenanceUnusable as error:
        raise click.ClickException(str(error)) from None
    if found is None:
        raise click.ClickException(f"{film} has no manifest")
    click.echo(f"{found.state}: {found.title}, made with {found.generator}, signed by {found.signer}")
    for kind in found.source_types:
        click.echo(kind)
    for fault in found.faults:
        click.echo(f"  {fault}")
    if found.state == "Invalid":
        raise SystemExit(1)


@provenance.command("make-certificate")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def make_certificate(folder: Path) -> None:
    """Make a key and a chain to try with in FOLDER. Nobody else will believe them."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Bunraku trial root", root_key, "Bunraku trial root", root_key)
    signer = _certificate("Bunraku trial signer", key, "Bunraku trial root", root_key)
    chain = signer.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (("chain.pem", chain), ("root.pem", root.public_bytes(Encoding.PEM))):
        (folder / name).write_bytes(content)
    descriptor = os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    click.echo(f'[provenance]\ncertificate = "{folder}/chain.pem"\nkey = "{folder}/key.pem"')


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """By C2PA's profile: who signs films may not be an authority, and is for signing alone."""
    authority, now = name == issuer, datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if not authority:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bunraku trial")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])
