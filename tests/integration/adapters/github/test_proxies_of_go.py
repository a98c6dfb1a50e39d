"""NO_PROXY is held against the function that kubectl, Flux and Argo CD ask: `http.ProxyFromEnvironment` of real Go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from githubtoken_operator.domain.apps import proxies
from localcluster.build import cache_root
from localcluster.toolchain import GO_AT_LEAST, go_bin_folder, go_on_path

PROGRAM = """
package main

import ("bufio"; "fmt"; "net/http"; "net/url"; "os")

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		parsed, _ := url.Parse(lines.Text())
		proxy, _ := http.ProxyFromEnvironment(&http.Request{URL: parsed})
		fmt.Println(proxy)
	}
}
"""
PROXY = "http://proxy.example.com:3128"
URLS = (
    "https://github.com", "https://api.github.com", "https://notgithub.com", "https://github.com:8443",
    "http://github.com", "https://GITHUB.com", "https://10.1.2.3", "https://10.1.2.3:8443", "https://10.1.2",
    "https://[fd00::1]", "https://[fd00::1]:8443", "https://[::ffff:10.1.2.3]", "https://ghes.svc", "https://svc",
    "https://a.b.cluster.local", "https://localhost", "https://127.0.0.5", "https://[::1]", "https://0.0.0.0",
)  # fmt: skip
NAMES = (
    "github.com", ".github.com", "*.github.com", "*github.com", "**.github.com", ".github.com.", "GitHub.com", "com",
    "*", "10.0.0.0/8", "10.1.2.3", "10.1.2.3/32", "10.1.2.3/33", "10.0.0.0/255.0.0.0", "010.1.2.3", "10.1.2",
    "10.1.2.*", "fd00::/8", "fd00::1", "::ffff:10.1.2.3", "0.0.0.0/0", "::/0", "localhost", "127.0.0.1", "svc", ".svc",
    "0", ".cluster.local", "https://github.com", "github.com/", "github.com;svc", "github.com svc", "<local>", "",
)  # fmt: skip
PORTS = ("", ":443", ":8443", ":80", ":", ":0", ":https", ":443:443")
LISTS = ("github.com:443, .svc ,10.0.0.0/8", " , *.github.com,\tfd00::1", "a.example,*", "svc:8443,10.1.2.3:443")


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built."""
    installed = go_bin_folder(cache_root(os.environ)) / "go" / "bin" / "go"
    found = go_on_path(os.environ) or (installed if installed.exists() else None)
    if found is None:
        pytest.skip(f"Go is missing: put {GO_AT_LEAST} or later on PATH")
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(PROGRAM)
    subprocess.run([found, "build", "-o", folder / "program", folder / "main.go"], check=True, timeout=300)
    return folder / "program"


@pytest.mark.timeout(600)
def test_no_proxy_means_what_it_means_to_go(go: Path) -> None:
    different = []
    for no_proxy in (*(name + port for name in NAMES for port in PORTS), *LISTS):
        environment = {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": no_proxy}
        said = subprocess.run(go, input="\n".join(URLS), env=environment, capture_output=True, text=True, check=True)
        ours = proxies.read(environment)
        for url, answer in zip(URLS, said.stdout.splitlines(), strict=True):
            parts = urlsplit(url)
            if (ours.of(parts.scheme, parts.hostname or "", parts.port) or "<nil>") != answer:
                different.append((no_proxy, url, answer))
    assert different == []
