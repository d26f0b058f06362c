"""An authority for an hour: certificates for loopback, and a client's trust in them."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("Soak authority"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )


class Authority:
    """``chain`` and ``key`` are the files of the certificate issued last."""

    def __init__(self, folder: Path) -> None:
        self.chain, self.key, self.root = folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        no = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        usage = x509.KeyUsage(**no, key_cert_sign=True, crl_sign=True)
        certificate = (
            _builder("Soak authority", public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.root.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.context = ssl.create_default_context(cafile=str(self.root))

    def issue(self) -> int:
        """A new certificate for 127.0.0.1, in the files; its serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder("127.0.0.1", key.public_key())
            .add_extension(names, critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for path, content in (
            (self.key, private),
            (self.chain, certificate.public_bytes(serialization.Encoding.PEM)),
        ):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.chmod(0o600)
            os.replace(fresh, path)
        return certificate.serial_number

    def shown(self, port: int) -> int:
        """The serial number of what a server at a port of this machine shows now."""
        pem = ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(self.root), timeout=10)
        return x509.load_pem_x509_certificate(pem.encode()).serial_number
