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

CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256",
    b"ECDHE-ECDSA-CHACHA20-POLY1305",
    b"ECDHE-ECDSA-AES256-GCM-SHA384",
)
PROFILES: dict[bytes, tuple[int, int, int]] = {
    # OpenSSL's name: libsrtp's profile, key and salt length in bytes (RFC 5764, RFC 7714)
    b"SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    b"SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}


def contexts() -> tuple[SSL.Context, SSL.Context, str]:
    """Two that share a fresh key and self-signed certificate, and its SHA-256 fingerprint.

    The first is the quickest for pictures. The second is for who gets small packets only: of what every
    browser has it takes what adds the fewest bytes to each, 10 instead of 16 to one of sound and 29
    instead of 37 to a message.
    """
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
    digest = certificate.fingerprint(hashes.SHA256()).hex().upper()
    fingerprint = ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
    quick = _context(certificate, key, CIPHERS, tuple(PROFILES))
    small = _context(certificate, key, (CIPHERS[1], CIPHERS[0], CIPHERS[2]), tuple(PROFILES)[::-1])
    small.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    return quick, small, fingerprint


def _context(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    ciphers: tuple[bytes, ...],
    profiles: tuple[bytes, ...],
) -> SSL.Context:
    made = SSL.Context(SSL.DTLS_METHOD)
    made.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    # Certificates are self-signed: the peer is who its fingerprint in the offer says.
    made.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    made.use_certificate(certificate)
    made.use_privatekey(key)
    made.set_cipher_list(b":".join(ciphers))
    made.set_tlsext_use_srtp(b":".join(profiles))
    return made


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
