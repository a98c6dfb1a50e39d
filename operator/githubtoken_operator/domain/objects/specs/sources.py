"""Where a token comes from, one source for each kind: `spec.user`, `spec.installation` and `spec.personal`.

And what specs name: one key of a Secret, and a GitHub.
"""

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


@dataclass(frozen=True, slots=True)
class DeviceFlow:
    """`spec.user.deviceFlow`: the operator asks for a code whenever a human must sign in."""

    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserSource:
    """`spec.user`: where the first refresh token comes from, whose it must be, and where the pair is kept."""

    credential: str
    seed: KeyRef | None
    device_flow: DeviceFlow | None = None
    login: str | None = None


@dataclass(frozen=True, slots=True)
class InstallationSource:
    """`spec.installation`: exactly one of `id`, `owner`, `repository`, `enterprise` is set."""

    id: int | None = None
    owner: str | None = None
    enterprise: str | None = None
    repository: str | None = None
    repositories: tuple[str, ...] = ()
    repository_ids: tuple[int, ...] = ()
    permissions: tuple[tuple[str, str], ...] = ()

    @property
    def selector(self) -> str:
        """What finds the installation, in the spec's words."""
        enterprise = f"enterprise {self.enterprise}" if self.enterprise else None
        return self.repository or self.owner or enterprise or f"id {self.id}"

    @property
    def path(self) -> str | None:
        """Where what the token is for is, below GitHub's web URL; None where the spec gives only a number."""
        return self.repository or self.owner

    @property
    def account(self) -> str | None:
        """The login, or an enterprise's slug, that the source names; an `id` names none."""
        return self.repository.split("/")[0] if self.repository else self.owner or self.enterprise

    @property
    def narrowed_to(self) -> tuple[str, ...]:
        """Repository names that the token is narrowed to; `repository` finds the installation and narrows to itself."""
        return (self.repository.split("/")[1],) if self.repository else self.repositories


@dataclass(frozen=True, slots=True)
class PersonalSource:
    """`spec.personal`: where a human put the token, and the GitHub that it is for."""

    secret: KeyRef
    server: Server


def user(name: str, spec: JSON) -> UserSource:
    """`spec.user` of the GitHubToken of that name."""
    return UserSource(
        credential=spec.get("credentialSecretName", f"{name}-credential"),
        seed=key_ref(spec.get("seedSecretRef"), "refresh_token"),
        device_flow=DeviceFlow(tuple(sorted(spec["deviceFlow"].get("scopes") or ()))) if "deviceFlow" in spec else None,
        login=spec.get("login"),
    )


def installation(spec: JSON) -> InstallationSource:
    """`spec.installation`."""
    return InstallationSource(
        id=spec.get("id"),
        owner=spec.get("owner"),
        enterprise=spec.get("enterprise"),
        repository=spec.get("repository"),
        repositories=tuple(sorted(spec.get("repositories") or ())),
        repository_ids=tuple(sorted(spec.get("repositoryIDs") or ())),
        permissions=tuple(sorted((spec.get("permissions") or {}).items())),
    )


def personal(spec: JSON) -> PersonalSource:
    """`spec.personal`."""
    ref = spec["secretRef"]
    return PersonalSource(KeyRef(ref["name"], ref.get("key", "token")), server(spec))
