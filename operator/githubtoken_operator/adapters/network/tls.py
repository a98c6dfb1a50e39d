"""Whom TLS trusts, the same on every Python, towards GitHub and towards the API server.

Who names a CA trusts it. From Python 3.13 on the standard library asks certificates to the letter of RFC 5280: a CA
with keyUsage, with a key identifier and with basicConstraints that are critical, a leaf with an authority key
identifier. Clusters of some years ago and home-made CAs have none of it, and kubectl, git, curl and Go accept them, so
that letter is not asked for here (docs.python.org/3/library/ssl.html, `VERIFY_X509_STRICT`). And as for Go, a
certificate that is named is trusted whoever signed it, not only where it signed itself (`VERIFY_X509_PARTIAL_CHAIN`,
which Python sets from 3.13 on). Signatures, names, dates, and that what signs is a CA, are checked as ever.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import aiohttp

from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.newest import Newest

_KEPT: Final = 256
_problems: Final[Newest[str, str | None]] = Newest(_KEPT)
"""What was found of bundles, by digest; a miss costs a look and nothing else."""


def trusting(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, which asks certificates for what Go and curl ask for; returns it."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def trusting_only(bundle: CABundle) -> ssl.SSLContext:
    """A context that trusts these CAs and no others. Raises `ValueError` with the end of "`caBundle` …"."""
    if bundle.problem is not None:
        raise ValueError(bundle.problem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    add(context, bundle)
    return trusting(context)


def add(context: ssl.SSLContext, bundle: CABundle) -> None:
    """Trusts these CAs too. Raises `ValueError` where one is damaged, with the end of a sentence on what holds them."""
    for number, certificate in enumerate(bundle.certificates, 1):
        try:
            context.load_verify_locations(cadata=certificate)
        except ssl.SSLError:
            of = f"number {number} of {len(bundle.certificates)}"
            raise ValueError(f"has a certificate that is damaged: {of} is not a certificate") from None


async def problem_of(bundle: CABundle) -> str | None:
    """Why the bundle cannot be used, as the end of "`caBundle` …"; looked at once for each digest, beside the loop."""
    known = bundle.digest in _problems
    found = _problems[bundle.digest] if known else await asyncio.to_thread(_problem, bundle)
    _problems[bundle.digest] = found
    return found


def refusal(error: BaseException) -> str | None:
    """Why the other side's certificate was refused, in OpenSSL's words; None where it was something else."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    return f"its certificate is refused ({error.verify_message.rstrip('.') or 'no reason was given'})"


def _problem(bundle: CABundle) -> str | None:
    try:
        trusting_only(bundle)
    except ValueError as error:
        return str(error)
    return None
