"""What specs name: one key of a Secret, and a GitHub."""

from __future__ import annotations

from dataclasses import dataclass

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.vocabulary import certificates
from githubtoken_operator.domain.vocabulary.model import JSON, Server


@dataclass(frozen=True, slots=True)
class KeyRef:
    """One key of a Secret in the object's own namespace."""

    name: str
    key: str


def key_ref(ref: JSON | None, key: str) -> KeyRef | None:
    """The key that is named there, by default `key`; None where nothing is."""
    return KeyRef(ref["name"], ref.get("key", key)) if ref else None


def server(urls: JSON) -> Server:
    """The GitHub with these URLs, by default github.com."""
    return Server(
        api_url=hosts.normalised(urls.get("apiURL", "https://api.github.com")),
        web_url=hosts.normalised(urls.get("webURL", "https://github.com")),
        ca_bundle=certificates.of_base64(urls["caBundle"]) if urls.get("caBundle") else None,
    )
