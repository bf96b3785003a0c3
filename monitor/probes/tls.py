"""What a server shows of itself in a TLS handshake, read even when it does not verify."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import threading
from typing import Any, Final

from monitor.records import DAY, SECOND, Micros, Outcome, Reason, TlsFacts, clean_text

_MAX_NAMES: Final = 32
_LEAVES_KEPT: Final = 1024

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_VERIFY_CODES: Final = {
    2: Reason.CERT_UNTRUSTED,
    9: Reason.CERT_NOT_YET_VALID,
    10: Reason.CERT_EXPIRED,
    18: Reason.CERT_SELF_SIGNED,
    19: Reason.CERT_UNTRUSTED,
    20: Reason.CERT_UNTRUSTED,
    21: Reason.CERT_UNTRUSTED,
    27: Reason.CERT_UNTRUSTED,
    62: Reason.CERT_WRONG_NAME,
    64: Reason.CERT_WRONG_NAME,
}
_RDN: Final = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}

_lock: Final = threading.Lock()
_contexts: Final[dict[tuple[bool, str, str], ssl.SSLContext]] = {}
_leaves: Final[dict[str, TlsFacts]] = {}


async def context(*, verify: bool) -> ssl.SSLContext:
    """The shared context, made in a thread at first use (loading the CAs takes 40 ms).

    Private CAs: ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` stand for the system's store, as
    everywhere with OpenSSL.  Without ALPN every server speaks HTTP/1.1, and mail servers
    are not put off.
    """
    key = (verify, os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))
    found = _contexts.get(key)
    return found if found is not None else await asyncio.to_thread(_make, key)


def _make(key: tuple[bool, str, str]) -> ssl.SSLContext:
    with _lock:
        found = _contexts.get(key)
        if found is None:
            found = ssl.create_default_context()
            # Python 3.13 sets it, 3.11 does not: a verdict must not hang on our version.
            found.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if not key[0]:
                found.check_hostname = False
                found.verify_mode = ssl.CERT_NONE
            _contexts[key] = found
        return found


def facts(tls: ssl.SSLObject, error: ssl.SSLCertVerificationError | None = None) -> TlsFacts:
    """What was presented, after a handshake or after one that failed with ``error``."""
    problem, text = Reason.NONE, ""
    if error is not None:
        problem = _VERIFY_CODES.get(error.verify_code, Reason.CERT_INVALID)
        text = clean_text(error.verify_message or error.reason or "")
    elif tls.context.verify_mode is ssl.CERT_NONE:
        text = "not verified"
    cipher = tls.cipher()
    known = TlsFacts(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        problem=problem,
        problem_text=text,
    )
    # Until 3.13 the chain of a failed handshake is reachable only beneath the public object.
    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined] # noqa: SLF001
    if not chain:
        return known
    leaf = _leaf(chain[0])
    return TlsFacts(
        version=known.version,
        cipher=known.cipher,
        subject=leaf.subject,
        issuer=leaf.issuer,
        names=leaf.names,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        fingerprint=leaf.fingerprint,
        chain_length=len(chain),
        problem=known.problem,
        problem_text=known.problem_text,
    )


def _leaf(certificate: Any) -> TlsFacts:
    """What one certificate says; those seen last are remembered by their whole text."""
    pem = certificate.public_bytes()
    found = _leaves.get(pem)
    if found is not None:
        return found
    try:
        info = certificate.get_info()
    except (ssl.SSLError, ValueError):
        info = {}
    names = (clean_text(value) for _, value in info.get("subjectAltName", ())[:_MAX_NAMES])
    found = TlsFacts(
        subject=_name(info.get("subject", ())),
        issuer=_name(info.get("issuer", ())),
        names=tuple(names),
        not_before=_micros(info.get("notBefore", "")),
        not_after=_micros(info.get("notAfter", "")),
        fingerprint=hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest(),
    )
    if len(_leaves) >= _LEAVES_KEPT:
        del _leaves[next(iter(_leaves))]
    _leaves[pem] = found
    return found


def _name(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A distinguished name in one line, most telling part last as X.500 orders it."""
    parts = [f"{_RDN.get(key, key)}={value}" for rdn in name[:16] for key, value in rdn[:4]]
    return clean_text(", ".join(parts))


def _micros(text: str) -> Micros:
    """``notBefore`` or ``notAfter`` as the ssl module writes it; 0 when it makes no sense."""
    try:
        return int(ssl.cert_time_to_seconds(text)) * SECOND
    except (ValueError, OverflowError):
        return 0


def expiry(found: TlsFacts | None, now: Micros, warn_days: int) -> tuple[Outcome, Reason, str]:
    """What the dates alone say of a handshake that was let pass; ``warn_days`` 0 is never.

    Without verification an expired certificate passes: then it is warned of here.
    """
    if found is None or warn_days <= 0 or not found.not_after:
        return Outcome.OK, Reason.NONE, ""
    left = found.not_after - now
    if left <= 0:
        return Outcome.WARN, Reason.CERT_EXPIRED, ""
    if left < warn_days * DAY:
        return Outcome.WARN, Reason.CERT_EXPIRES_SOON, f"{left // DAY} days left"
    return Outcome.OK, Reason.NONE, ""
