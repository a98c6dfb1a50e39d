"""Where a token comes from, one source for each kind: `spec.user`, `spec.installation` and `spec.personal`.

What is so of every token of a kind, whatever was seen of it, its source says; what is seen, its value in `observed`.
And what specs name: one key of a Secret, and a GitHub.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Self

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.vocabulary import certificates
from githubtoken_operator.domain.vocabulary.model import JSON, Server

KindName = Literal["User", "Installation", "Personal"]
"""The kind of token, as `status.kind` shows it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One that says nothing, as of a spec that the API server would not take.

    `lives_on`: a token works beside its successor, to its own expiry. `needs_human`: once it is dead, a human's work
    stands still until there is another. `of_web`: what it is renewed with goes to GitHub's web URL.
    """

    kind: ClassVar[KindName] = "Personal"
    lives_on: ClassVar[bool] = False
    needs_human: ClassVar[bool] = False
    of_web: ClassVar[bool] = False

    @property
    def given(self) -> KeyRef | None:
        """The human's Secret that a token comes from."""
        return None

    @property
    def path(self) -> str | None:
        """Where what the token is for is, below GitHub's web URL; None where the spec does not give it."""
        return None


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
class UserSource(Source):
    """`spec.user`: where the first refresh token comes from, whose it must be, and where the pair is kept."""

    kind: ClassVar[KindName] = "User"
    needs_human: ClassVar[bool] = True
    of_web: ClassVar[bool] = True

    credential: str
    seed: KeyRef | None
    device_flow: DeviceFlow | None = None
    login: str | None = None

    @classmethod
    def of(cls, name: str, spec: JSON) -> Self:
        """That of the GitHubToken of that name."""
        return cls(
            credential=spec.get("credentialSecretName", f"{name}-credential"),
            seed=key_ref(spec.get("seedSecretRef"), "refresh_token"),
            device_flow=DeviceFlow(tuple(sorted(spec["deviceFlow"].get("scopes") or ())))
            if "deviceFlow" in spec
            else None,
            login=spec.get("login"),
        )

    @property
    def given(self) -> KeyRef | None:
        """The seed."""
        return self.seed


@dataclass(frozen=True, slots=True)
class InstallationSource(Source):
    """`spec.installation`: exactly one of `id`, `owner`, `repository`, `enterprise` is set."""

    kind: ClassVar[KindName] = "Installation"
    lives_on: ClassVar[bool] = True

    id: int | None = None
    owner: str | None = None
    enterprise: str | None = None
    repository: str | None = None
    repositories: tuple[str, ...] = ()
    repository_ids: tuple[int, ...] = ()
    permissions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, _name: str, spec: JSON) -> Self:
        """That of any GitHubToken."""
        return cls(
            id=spec.get("id"),
            owner=spec.get("owner"),
            enterprise=spec.get("enterprise"),
            repository=spec.get("repository"),
            repositories=tuple(sorted(spec.get("repositories") or ())),
            repository_ids=tuple(sorted(spec.get("repositoryIDs") or ())),
            permissions=tuple(sorted((spec.get("permissions") or {}).items())),
        )

    @property
    def selector(self) -> str:
        """What finds the installation, in the spec's words."""
        enterprise = f"enterprise {self.enterprise}" if self.enterprise else None
        return self.repository or self.owner or enterprise or f"id {self.id}"

    @property
    def path(self) -> str | None:
        """The repository, or the account; an `id` says neither."""
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
class PersonalSource(Source):
    """`spec.personal`: where a human put the token, and the GitHub that it is for."""

    secret: KeyRef
    server: Server

    @classmethod
    def of(cls, _name: str, spec: JSON) -> Self:
        """That of any GitHubToken."""
        ref = spec["secretRef"]
        return cls(KeyRef(ref["name"], ref.get("key", "token")), server(spec))

    @property
    def given(self) -> KeyRef | None:
        """The token itself."""
        return self.secret


_BY_FIELD: Final[Mapping[str, type[UserSource | InstallationSource | PersonalSource]]] = {
    "user": UserSource,
    "installation": InstallationSource,
    "personal": PersonalSource,
}


def of(name: str, spec: JSON) -> Source:
    """The source in the spec of the GitHubToken of that name."""
    return next((kind.of(name, spec[field]) for field, kind in _BY_FIELD.items() if field in spec), Source())


def kind_in(spec: JSON) -> KindName | None:
    """The kind that a spec asks for, as far as it can be read at all."""
    return next((kind.kind for field, kind in _BY_FIELD.items() if field in spec), None)
