"""DTLS 1.2 by OpenSSL (RFC 6347), and the SRTP keys that come of it (RFC 5764)."""

from __future__ import annotations

import datetime
import hmac

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from pylibsrtp import Policy, Session

CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
PROFILES: dict[bytes, tuple[int, int, int]] = {
    # OpenSSL's name: libsrtp's profile, key and salt length in bytes (RFC 5764, RFC 7714)
    b"SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    b"SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}


def context() -> tuple[SSL.Context, str]:
    """A fresh key and self-signed certificate per server, and its SHA-256 fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bunraku")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    made = SSL.Context(SSL.DTLS_METHOD)
    made.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    # Certificates are self-signed: the peer is who its fingerprint in the offer says.
    made.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    made.use_certificate(certificate)
    made.use_privatekey(key)
    made.set_cipher_list(CIPHERS)
    made.set_tlsext_use_srtp(b":".join(PROFILES))
    digest = certificate.fingerprint(hashes.SHA256()).hex().upper()
    return made, ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def srtp_sessions(connection: SSL.Connection, fingerprint: str) -> tuple[Session, Session]:
    """What we send by and what we receive by, of a finished handshake in which we were the server.

    Raises ``ValueError`` for a peer whose certificate is not the offer's.
    """
    certificate = connection.get_peer_certificate()
    digest = certificate.digest("sha256").decode() if certificate is not None else ""
    if not hmac.compare_digest(digest.upper(), fingerprint):
        raise ValueError("fingerprint differs from the offer's")
    profile = connection.get_selected_srtp_profile()
    if profile not in PROFILES:
        raise ValueError("no SRTP profile in common")
    srtp_profile, key, salt = PROFILES[profile]
    material = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
    # RFC 5764 section 4.2: client key, server key, client salt, server salt.
    client = material[:key] + material[2 * key : 2 * key + salt]
    server = material[key : 2 * key] + material[2 * key + salt :]

    def session(secret: bytes, kind: int) -> Session:
        policy = Policy(key=secret, ssrc_type=kind, srtp_profile=srtp_profile)
        policy.allow_repeat_tx = True
        policy.window_size = 1024
        return Session(policy)

    return session(server, Policy.SSRC_ANY_OUTBOUND), session(client, Policy.SSRC_ANY_INBOUND)
