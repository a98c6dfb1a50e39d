"""What becomes of other operators' objects, what is told of the rest, and how a Secret is taken over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.cli import cli
from githubtoken_operator.commands.migrate import adoption
from githubtoken_operator.commands.migrate.command import passed_over, translate
from githubtoken_operator.commands.migrate.manifests import Equivalent, joined
from githubtoken_operator.domain.objects.specs import templates
from githubtoken_operator.domain.objects.specs.github_app import parse_app
from githubtoken_operator.domain.objects.specs.github_token import parse_token
from tests.unit.commands.migrate.manifests import app, cluster_generator, external_secret, generator, manager

ORPHAN = '{"spec":{"target":{"creationPolicy":"Orphan"}}}'


def made(*objects: dict[str, Any]) -> dict[str, Equivalent]:
    """Our objects by `Kind name`."""
    return {f"{each.body['kind']} {each.body['metadata']['name']}": each for each in translate(objects)}


def token(*objects: dict[str, Any], name: str = "ci") -> Equivalent:
    return made(*objects)[f"GitHubToken {name}"]


# --- external-secrets ------------------------------------------------------------------------------------------------


def test_a_generator_and_its_external_secret_are_an_app_and_a_githubtoken() -> None:
    source = generator(repositories=["website"], permissions={"contents": "read"})
    found = made(source, external_secret(refreshInterval="30m", target={"name": "ci-token"}))
    assert found["GitHubApp acme"].body == {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubApp",
        "metadata": {"name": "acme", "namespace": "team"},
        "spec": {"appID": 12345, "privateKeySecretRef": {"name": "acme-key", "key": "app.pem"}},
    }
    assert found["GitHubApp acme"].differs == ()
    ours = found["GitHubToken ci"]
    assert ours.body["spec"] == {
        "appRef": {"name": "acme"},
        "installation": {"id": 678, "repositories": ["website"], "permissions": {"contents": "read"}},
        "secret": {"name": "ci-token"},
    }
    assert ours.differs == ("`refreshInterval: 30m` has no equivalent: the token is renewed before it expires.",)


@pytest.mark.parametrize(
    ("target", "secret", "says"),
    [
        ({"name": "ci"}, None, ""),
        (
            {"template": {"type": "kubernetes.io/basic-auth", "data": {"username": "git", "password": "{{ .token }}"}}},
            {"formats": ["BasicAuth"]},
            "The format BasicAuth writes password, username by itself.",
        ),
        (
            {
                "template": {
                    "type": "kubernetes.io/dockerconfigjson",
                    "data": {".dockerconfigjson": "{{ .token | b64enc }}"},
                }
            },
            {"formats": ["DockerConfigJSON"]},
            "The format DockerConfigJSON writes .dockerconfigjson by itself.",
        ),
        (
            {"template": {"data": {"config": "price $5, token {{ .token }}", "token": "{{.token}}"}}},
            {"data": {"config": "price $$5, token ${token}"}},
            "",
        ),
        (
            {"template": {"data": {"auth": "{{ .token | b64enc }}"}}},
            None,
            "These keys are not translated, write them with `secret.data` or `formats`: auth.",
        ),
        (
            {"template": {"metadata": {"labels": {"team": "web", "app.kubernetes.io/name": "x"}}}},
            {"labels": {"team": "web"}},
            "These labels are left out, since the operator keeps to its own: app.kubernetes.io/name.",
        ),
        ({"template": {"type": "example.com/own"}}, None, "The type example.com/own is not served"),
        ({"template": {"templateFrom": [{}]}}, None, "`templateFrom` is not translated"),
        ({"immutable": True}, None, "The Secret cannot be immutable"),
        ({"creationPolicy": "Merge"}, None, "annotate it `githubtoken.dev/adopt"),
    ],
)
def test_the_target_is_our_secret_and_what_has_no_equivalent_is_told(
    target: dict[str, Any], secret: dict[str, Any] | None, says: str
) -> None:
    ours = token(generator(permissions={"contents": "read"}), external_secret(target=target))
    assert ours.body["spec"].get("secret") == secret
    assert any(says in line for line in ours.differs) or (not says and not ours.differs)


def test_an_orphaned_secret_is_retained() -> None:
    ours = token(generator(), external_secret(target={"creationPolicy": "Orphan"}))
    assert ours.body["spec"]["deletionPolicy"] == "Retain"


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("", {}),
        ("https://api.github.com/", {}),
        (
            "https://ghes.example.com/api/v3",
            {"apiURL": "https://ghes.example.com/api/v3", "webURL": "https://ghes.example.com"},
        ),
        ("https://api.acme.ghe.com", {"apiURL": "https://api.acme.ghe.com", "webURL": "https://acme.ghe.com"}),
    ],
)
def test_the_address_of_an_enterprise_becomes_two(url: str, urls: dict[str, str]) -> None:
    spec = made(generator(url=url))["GitHubApp acme"].body["spec"]
    assert {key: value for key, value in spec.items() if key.endswith("URL")} == urls


def test_a_cluster_generator_is_a_cluster_app_whose_key_moves() -> None:
    found = made(cluster_generator(), external_secret(kind="ClusterGenerator"))
    ours = found["ClusterGitHubApp acme"]
    assert ours.body["spec"]["allowedNamespaces"] == {"from": "All"}
    assert "namespace" not in ours.body["metadata"]
    assert "Secret acme-key has to be in the operator's namespace." in ours.differs
    assert found["GitHubToken ci"].body["spec"]["appRef"] == {"kind": "ClusterGitHubApp", "name": "acme"}


@pytest.mark.parametrize(
    ("objects", "name", "says"),
    [
        ([generator()], "GitHubApp acme", "No ExternalSecret that was given uses this generator."),
        ([generator(appID="Iv23liabc")], "GitHubApp acme", "`appID` is no number, and stands as `clientID`."),
        ([generator(appID="")], "GitHubApp acme", "The id of the App is missing"),
        ([generator(url="https://ghes.example.com/api/v3")], "GitHubApp acme", "to be allowed to ask ghes.example.com"),
        ([generator(url="https://[x")], "GitHubApp acme", "`webURL` is a guess"),
        ([external_secret(of="gone")], "GitHubToken ci", "GithubAccessToken gone was not given"),
        ([generator(installID="x"), external_secret()], "GitHubToken ci", "`installation` has to be set"),
        ([generator(), external_secret()], "GitHubToken ci", "all permissions of the App"),
        ([generator(repositories=["acme/a"]), external_secret()], "GitHubToken ci", "acme/a lost it"),
        ([generator(), external_secret(data=[{"secretKey": "x"}])], "GitHubToken ci", "Keys of other sources"),
    ],
)
def test_what_is_missing_is_told_in_its_place(objects: list[dict[str, Any]], name: str, says: str) -> None:
    assert any(says in line for line in made(*objects)[name].differs)


def test_an_external_secret_of_another_store_is_none_of_it() -> None:
    other = {**external_secret(), "spec": {"data": [{"secretKey": "x"}], "secretStoreRef": {"name": "vault"}}}
    assert made(other) == {}
    push = {"apiVersion": "external-secrets.io/v1", "kind": "PushSecret", "metadata": {"name": "p"}}
    assert passed_over([other, push]) == ["PushSecret p is not translated"]


# --- github-token-manager --------------------------------------------------------------------------------------------


def test_an_app_and_its_token_are_a_githubapp_and_a_githubtoken() -> None:
    theirs = manager(
        "Token", "ci", "team", appRef={"name": "acme"}, permissions={"contents": "read"}, refreshInterval="45m"
    )
    found = made(app(), theirs)
    assert found["GitHubApp acme"].body["spec"] == {
        "appID": 12345,
        "privateKeySecretRef": {"name": "acme-key", "key": "private-key.pem"},
    }
    ours = found["GitHubToken ci"]
    assert ours.body["spec"] == {
        "appRef": {"name": "acme"},
        "installation": {"id": 678, "permissions": {"contents": "read"}},
    }
    assert ours.differs == (
        "The Secret's type changes from github.as-code.io/token to Opaque.",
        "`refreshInterval: 45m` has no equivalent: the token is renewed before it expires.",
    )


def test_a_tokens_secret_keeps_its_form_and_its_inline_keys() -> None:
    secret = {
        "name": "git",
        "basicAuth": True,
        "labels": {"team": "web"},
        "extraData": [{"inline": {"host": "x$y", "password": "no"}}, {"configMap": {"name": "cm"}}],
    }
    ours = token(app(), manager("Token", "ci", "team", appRef={"name": "acme"}, installationID=9, secret=secret))
    assert ours.body["spec"]["installation"]["id"] == 9
    assert ours.body["spec"]["secret"] == {
        "name": "git",
        "labels": {"team": "web"},
        "formats": ["BasicAuth"],
        "data": {"host": "x$$y"},
    }
    assert "Keys out of ConfigMap cm are not translated: write them with `secret.data`." in ours.differs
    assert "These keys are the operator's own, and left out: password." in ours.differs


def test_a_cluster_token_in_another_namespace_has_a_cluster_app_that_admits_it() -> None:
    across = [
        manager("ClusterToken", name, appRef={"name": "acme", "namespace": "team"}, secret={"namespace": name})
        for name in ("flux", "argo")
    ]
    found = made(app(), *across)
    selector = found["ClusterGitHubApp acme"].body["spec"]["allowedNamespaces"]["selector"]
    assert selector["matchExpressions"][0]["values"] == ["argo", "flux"]
    ours = found["GitHubToken flux"].body
    assert ours["metadata"] == {"name": "flux", "namespace": "flux"}
    assert ours["spec"]["appRef"] == {"kind": "ClusterGitHubApp", "name": "acme"}


def test_a_cluster_token_in_its_apps_namespace_needs_no_cluster_app() -> None:
    near = manager("ClusterToken", "ci", appRef={"name": "acme", "namespace": "team"}, secret={"namespace": "team"})
    found = made(app(), near)
    assert list(found) == ["GitHubApp acme", "GitHubToken ci"]
    assert found["GitHubToken ci"].body["spec"]["appRef"] == {"name": "acme"}


def test_a_token_of_the_managers_own_app_says_that_it_has_to_be_made() -> None:
    found = made(manager("Token", "ci", "team", permissions={"contents": "read"}))
    assert found["GitHubApp github-app"].differs == ("Its id and key are not among the objects: set them.",)
    assert found["GitHubToken ci"].body["spec"]["installation"] == {
        "owner": "change-me",
        "permissions": {"contents": "read"},
    }
    across = made(manager("ClusterToken", "all", secret={"namespace": "flux"}))
    assert list(across) == ["ClusterGitHubApp github-app", "GitHubToken all"]


def test_a_key_in_a_kms_is_told() -> None:
    ours = made(app(provider="aws", key="alias/acme", keyRef=None))["GitHubApp acme"]
    assert "privateKeySecretRef" not in ours.body["spec"]
    assert "provider aws (alias/acme)" in ours.differs[0]


# --- As a whole ------------------------------------------------------------------------------------------------------


def test_all_manifests_are_one_stream_with_apps_first_and_comments_above() -> None:
    stream = joined(translate([external_secret(), generator()]))
    assert [body["kind"] for body in yaml.safe_load_all(stream)] == ["GitHubApp", "GitHubToken"]
    assert stream.startswith("---\n# Instead of GithubAccessToken team/acme.\napiVersion: githubtoken.dev/v1alpha1\n")


def test_a_name_that_kubectl_would_read_as_a_number_is_quoted() -> None:
    text = Equivalent({"kind": "GitHubToken", "metadata": {"name": "1e3", "namespace": "0819"}}, "it").text
    assert text.endswith("metadata:\n  name: '1e3'\n  namespace: '0819'\n")


def test_adoption_frees_the_secret_before_it_is_given() -> None:
    text = adoption.commands([generator(), external_secret(target={"name": "ci-token"})])
    assert text.splitlines()[4:] == [
        "# Secret team/ci-token, of ExternalSecret team/ci",
        f"kubectl patch externalsecret.external-secrets.io ci --namespace=team --type=merge --patch='{ORPHAN}'",
        "kubectl delete externalsecret.external-secrets.io ci --namespace=team --cascade=orphan",
        "kubectl annotate secret ci-token --namespace=team githubtoken.dev/adopt=true",
    ]


def test_a_secret_whose_type_is_theirs_is_made_anew() -> None:
    theirs = manager("ClusterToken", "ci", secret={"namespace": "flux", "name": "git; rm"})
    assert adoption.commands([theirs]).splitlines()[4:] == [
        "# Secret flux/git; rm, of ClusterToken ci",
        "kubectl delete clustertoken.github.as-code.io ci --cascade=orphan",
        "# Its type cannot be changed. The label lets the operator see at once that the Secret is gone.",
        "kubectl label secret 'git; rm' --namespace=flux githubtoken.dev/role=token",
        "kubectl delete secret 'git; rm' --namespace=flux",
    ]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "appID", "installID", "auth", "url", "repositories", "permissions", "target", "dataFrom", "data", "kind",
    "generator", "appRef", "secret", "installationID", "repositoryIDs", "provider", "keyRef", "refreshInterval",
)  # fmt: skip


@given(
    kind=st.sampled_from(["GithubAccessToken", "ClusterGenerator", "ExternalSecret", "App", "Token", "ClusterToken"]),
    spec=st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6) | anything,
)
def test_nothing_that_a_file_may_hold_stops_it(kind: str, spec: object) -> None:
    body = {"kind": kind, "metadata": {"name": "x", "namespace": "y"}, "spec": spec}
    for each in translate([body, generator(), external_secret(), app()]):
        yaml.safe_load(each.text)
        (parse_app if each.body["kind"].endswith("App") else parse_token)(
            {**each.body, "metadata": {"uid": "u", "namespace": "y", **each.body["metadata"]}}
        )
    adoption.commands([body])


@given(text=st.text())
def test_a_text_that_means_itself_still_does(text: str) -> None:
    theirs = manager("Token", "ci", "team", secret={"extraData": [{"inline": {"key": text}}]})
    data = token(theirs).body["spec"].get("secret", {}).get("data", {})
    assert templates.fill(data.get("key", ""), {"token": "ghs"}) == text


# --- The command -----------------------------------------------------------------------------------------------------


def run(*arguments: str, given: str = "") -> Any:  # noqa: ANN401 - click's
    return CliRunner().invoke(cli, ["migrate", *arguments], input=given)


def test_files_and_standard_input_are_read_and_lists_taken_apart(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [generator(), external_secret()]}))
    ended = run("-f", str(file), "-f", "-", given=yaml.safe_dump(manager("Token", "git", "team")))
    assert ended.exit_code == 0, ended.stderr
    assert [body["metadata"]["name"] for body in yaml.safe_load_all(ended.stdout)] == [
        "acme",
        "github-app",
        "ci",
        "git",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [", "is not YAML at line 1"),
        ("- 1\n", "holds something that is no Kubernetes object: it has no `kind`"),
        ("kind: App\n", "holds a App without a `metadata.name`"),
        ("kind: App\nmetadata: {name: '; rm'}\n", "holds a App without a `metadata.name`"),
        ("kind: List\nitems: [1]\n", "holds something that is no Kubernetes object"),
        ("kind: App\nmetadata: []x\n", "is not YAML"),
        ("\x00", "is not YAML"),
    ],
)
def test_a_file_that_is_something_else_is_one_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "f").write_text(content)
    ended = run("-f", str(tmp_path / "f"))
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_or_no_text_is_one_line(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in run("-f", str(tmp_path / "nope")).stderr
    (tmp_path / "f").write_bytes(b"\xff\xfe")
    assert "is not text in UTF-8" in run("-f", str(tmp_path / "f")).stderr


def test_the_example_of_the_page_is_what_is_printed(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "command-line.md").read_text()
    given = page.split("```yaml\n# external-secrets.yaml\n")[1].split("```")[0]
    (tmp_path / "external-secrets.yaml").write_text(given)
    for command in (
        "githubtoken migrate -f external-secrets.yaml",
        "githubtoken migrate -f external-secrets.yaml --adopt",
    ):
        shown = page.split(f"```console\n$ {command}\n")[1].split("```")[0]
        ended = run("-f", str(tmp_path / "external-secrets.yaml"), *command.split()[4:])
        assert ended.stdout == shown


def test_nothing_to_translate_is_told() -> None:
    ended = run("-f", "-", given="kind: ConfigMap\nmetadata: {name: x}\n")
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert ended.stderr.startswith("There is nothing of external-secrets")


@pytest.mark.parametrize("where", [["-n", "team"], ["-A"]])
def test_files_are_read_whole_and_a_namespace_beside_them_is_refused(where: list[str]) -> None:
    result = run("-f", "-", *where, given="")
    assert result.exit_code == 2
    assert "--filename goes with neither --namespace nor --all-namespaces" in result.stderr
