"""Each form of a token, key by key, on every kind of GitHub, and what cannot be written."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.objects.secrets import ACCESS_TOKEN_KEYS
from githubtoken_operator.domain.objects.specs import formats, templates
from githubtoken_operator.domain.objects.specs.formats import SecretWish, Subject
from githubtoken_operator.domain.vocabulary.model import Server, Token
from tests.unit.crd_schema import CRDS

GITHUB = Server("https://api.github.com", "https://github.com")
GHE_COM = Server("https://api.acme.ghe.com", "https://acme.ghe.com")
ENTERPRISE = Server("https://ghe.example/api/v3", "https://ghe.example")
WITH_PORT = Server("http://127.0.0.1:8081/api/v3", "http://127.0.0.1:8080")
SPELT_OUT = Server("https://API.GitHub.com:443", "https://GitHub.com:443")
IPV6 = Server("https://[2001:db8::1]:8443/api/v3", "https://[2001:db8::1]:8443")
SERVERS = [GITHUB, GHE_COM, ENTERPRISE, WITH_PORT, SPELT_OUT, IPV6]
ALL = ["BasicAuth", "GitCredentials", "Netrc", "DockerConfigJSON", "GHHosts", "ArgoCDRepository", "Env"]


def subject(server: Server = GITHUB, *, token: str = "ghs_abc", path: str | None = "acme") -> Subject:
    return Subject(Token(token), server, path)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("BasicAuth", {"username": "x-access-token", "password": "ghs_abc"}),
        ("GitCredentials", {".git-credentials": "https://x-access-token:ghs_abc@github.com\n"}),
        (
            "Netrc",
            {
                ".netrc": "machine github.com login x-access-token password ghs_abc\n"
                "machine api.github.com login x-access-token password ghs_abc\n"
            },
        ),
        (
            "DockerConfigJSON",
            {
                ".dockerconfigjson": '{"auths": {"ghcr.io": {"username": "x-access-token", "password": "ghs_abc", '
                '"auth": "eC1hY2Nlc3MtdG9rZW46Z2hzX2FiYw=="}}}'
            },
        ),
        (
            "GHHosts",
            {
                "hosts.yml": '"github.com":\n'
                "    git_protocol: https\n"
                "    users:\n"
                "        x-access-token:\n"
                '            oauth_token: "ghs_abc"\n'
                "    user: x-access-token\n"
                '    oauth_token: "ghs_abc"\n',
                "config.yml": 'version: "1"\n',
            },
        ),
        (
            "ArgoCDRepository",
            {"type": "git", "url": "https://github.com/acme", "username": "x-access-token", "password": "ghs_abc"},
        ),
        ("Env", {"GITHUB_TOKEN": "ghs_abc", "GH_TOKEN": "ghs_abc"}),
    ],
)
def test_a_format_has_these_keys_on_github_com(name: str, keys: dict[str, str]) -> None:
    assert formats.keys([name], subject()) == keys


@pytest.mark.parametrize(
    ("server", "git", "machines", "registry", "gh", "env"),
    [
        pytest.param(
            GITHUB, "github.com", ["github.com", "api.github.com"], "ghcr.io", "github.com", None, id="github.com"
        ),
        pytest.param(
            SPELT_OUT, "github.com", ["github.com", "api.github.com"], "ghcr.io", "github.com", None, id="spelt out"
        ),
        pytest.param(
            GHE_COM,
            "acme.ghe.com",
            ["acme.ghe.com", "api.acme.ghe.com"],
            "containers.acme.ghe.com",
            "acme.ghe.com",
            "acme.ghe.com",
            id="ghe.com",
        ),
        pytest.param(
            ENTERPRISE,
            "ghe.example",
            ["ghe.example"],
            "containers.ghe.example",
            "ghe.example",
            "ghe.example",
            id="an Enterprise Server",
        ),
        pytest.param(
            WITH_PORT,
            "127.0.0.1:8080",
            ["127.0.0.1", "127.0.0.1:8080", "127.0.0.1:8081"],
            "containers.127.0.0.1:8080",
            "127.0.0.1:8080",
            "127.0.0.1:8080",
            id="ports",
        ),
    ],
)
def test_each_program_finds_the_host_that_it_talks_to(  # noqa: PLR0917 - one column for each program
    server: Server, git: str, machines: list[str], registry: str, gh: str, env: str | None
) -> None:
    keys = formats.keys(ALL, subject(server))
    scheme = server.web_url.partition(":")[0]
    assert keys[".git-credentials"] == f"{scheme}://x-access-token:ghs_abc@{git}\n"
    assert [line.split()[1] for line in keys[".netrc"].splitlines()] == machines
    assert list(json.loads(keys[".dockerconfigjson"])["auths"]) == [registry]
    assert list(yaml.safe_load(keys["hosts.yml"])) == [gh]
    assert keys.get("GH_HOST") == env
    assert keys.get("GH_ENTERPRISE_TOKEN") == (env and "ghs_abc")


@pytest.mark.parametrize(
    ("path", "url", "label"),
    [
        pytest.param("acme", "https://github.com/acme", "repo-creds", id="an owner, for all its repositories"),
        pytest.param("acme/web.site", "https://github.com/acme/web.site", "repository", id="a repository"),
    ],
)
def test_argo_cd_finds_the_repository_by_url_and_label(path: str, url: str, label: str) -> None:
    assert formats.keys(["ArgoCDRepository"], subject(path=path))["url"] == url
    assert formats.labels(["Env", "ArgoCDRepository"], path) == {"argocd.argoproj.io/secret-type": label}
    assert formats.labels(["Env"], path) == {}


tokens = st.from_regex(r"gh[ops]_[A-Za-z0-9._-]{1,80}|[0-9a-f]{40}|[0-9]{40}|0x[0-9]{2}|1e5|true|null", fullmatch=True)


@given(token=tokens, server=st.sampled_from(SERVERS))
def test_every_token_is_read_back_from_every_format(token: str, server: Server) -> None:
    """A legacy token of 40 digits must stay a text in YAML."""
    keys = formats.keys(ALL, subject(server, token=token))
    assert keys["password"] == keys["GITHUB_TOKEN"] == keys["GH_TOKEN"] == token
    assert f":{token}@" in keys[".git-credentials"]
    assert all(
        line.split()[2:] == ["login", "x-access-token", "password", token] for line in keys[".netrc"].splitlines()
    )
    (login,) = json.loads(keys[".dockerconfigjson"])["auths"].values()
    assert (login["username"], login["password"]) == ("x-access-token", token)
    assert b64decode(login["auth"]).decode() == f"x-access-token:{token}"
    (host,) = yaml.safe_load(keys["hosts.yml"]).values()
    assert host == {
        "git_protocol": "https",
        "user": "x-access-token",
        "oauth_token": token,
        "users": {"x-access-token": {"oauth_token": token}},
    }


# --- The Secret's type -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ([], "Opaque"),
        (["Env", "GHHosts", "Netrc", "GitCredentials", "ArgoCDRepository"], "Opaque"),
        (["Env", "BasicAuth"], "kubernetes.io/basic-auth"),
        (["DockerConfigJSON", "Env"], "kubernetes.io/dockerconfigjson"),
    ],
)
def test_the_formats_decide_on_the_type(names: list[str], wanted: str) -> None:
    assert formats.secret_type(names) == wanted


# --- What cannot be written ------------------------------------------------------------------------------------------


def wish(
    *names: str,
    type: str | None = None,  # noqa: A002 - the field's name
    data: dict[str, str] | None = None,
    path: str | None = "acme",
) -> SecretWish:
    return SecretWish(names, type or formats.secret_type(names), data or {}, path)


@pytest.mark.parametrize(
    "possible",
    [
        wish(),
        *(wish(name) for name in ALL),
        wish("BasicAuth", type="Opaque"),
        wish("ArgoCDRepository", type="kubernetes.io/basic-auth"),
        wish("ArgoCDRepository", "DockerConfigJSON"),
        wish("GHHosts", data={"config.yml": 'version: "1"\n'}),
        wish(data={"config.ini": "token = ${token}", "A-b_c.1": "$$", ".x": "", "a..b": "", "k" * 253: ""}),
    ],
)
def test_what_can_be_written_is_accepted(possible: SecretWish) -> None:
    assert formats.problem(possible) is None


@pytest.mark.parametrize(
    ("impossible", "says"),
    [
        pytest.param(wish("Yaml", type="Opaque"), f"may have only {', '.join(ALL)}", id="an unknown format"),
        pytest.param(wish("BasicAuth", "DockerConfigJSON"), "must not have both", id="two types at once"),
        pytest.param(wish("DockerConfigJSON", type="Opaque"), "exactly where `formats` has", id="no type for Docker"),
        pytest.param(
            wish("Env", type=formats.DOCKER_CONFIG), "exactly where `formats` has", id="Docker's type for Env"
        ),
        pytest.param(wish(type=formats.DOCKER_CONFIG), "exactly where `formats` has", id="Docker's type for nothing"),
        pytest.param(wish(type=formats.BASIC_AUTH), "add BasicAuth to `formats`", id="no user name and password"),
        pytest.param(wish("ArgoCDRepository", path=None), "`spec.installation.owner`", id="no repository for Argo CD"),
        pytest.param(wish(data={"a/b": ""}), "letters, digits", id="a key with a slash"),
        pytest.param(wish(data={"": ""}), "letters, digits", id="an empty key"),
        pytest.param(wish(data={".": ""}), "not begin with `..`", id="this folder as a key"),
        pytest.param(wish(data={"..data": ""}), "not begin with `..`", id="a key of kubelet's own"),
        pytest.param(wish(data={"k" * 254: ""}), "at most 253", id="a key that is too long"),
        pytest.param(wish(data={"x": "${refresh_token}"}), "under `x`", id="the refresh token"),
        pytest.param(wish(data={"x": "${nonsense}"}), "use `${token}`, `${type}`", id="what is no property"),
        pytest.param(wish(data={"x": "5$"}), "write `$$` for the dollar itself", id="a lonely dollar"),
        *(
            pytest.param(wish(data={key: ""}), f"must not have the key `{key}`", id=f"the key {key}")
            for key in sorted(formats.RESERVED_KEYS - {formats.GH_CONFIG})
        ),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_word_of_what_can(impossible: SecretWish, says: str) -> None:
    assert says in (formats.problem(impossible) or "")


def test_a_wrong_text_is_not_quoted() -> None:
    assert "ghp_precious" not in (formats.problem(wish(data={"x": "${ghp_precious}"})) or "")


def test_every_key_that_the_operator_writes_is_reserved() -> None:
    written = {key for server in SERVERS for key in formats.keys(ALL, subject(server))}
    assert written | ACCESS_TOKEN_KEYS == formats.RESERVED_KEYS


def test_the_crd_knows_the_same_formats_properties_and_keys() -> None:
    document = yaml.safe_load((CRDS / "githubtoken.dev_githubtokens.yaml").read_text())
    spec = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    secret: dict[str, Any] = spec["properties"]["secret"]["properties"]
    assert secret["formats"]["items"]["enum"] == ALL
    assert secret["type"]["enum"] == [formats.OPAQUE, formats.BASIC_AUTH, formats.DOCKER_CONFIG]
    rule = secret["data"]["x-kubernetes-validations"][0]["rule"]
    assert {word for word in rule.split("'") if word in formats.RESERVED_KEYS} == formats.RESERVED_KEYS
    assert all(f"${{{name}}}" in secret["data"]["description"] for name in templates.PROPERTIES)
