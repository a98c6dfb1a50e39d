from __future__ import annotations

import ssl
from base64 import b64encode
from dataclasses import replace

import kopf
import pytest

from githubtoken_operator.watching import connection
from tests.cas import made


@pytest.mark.parametrize(
    ("environ", "server"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}, "https://10.96.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, "https://[fd00::1]:6443"),
        ({"KUBERNETES_SERVICE_PORT": "443"}, "https://kubernetes.default.svc"),
        ({}, "https://kubernetes.default.svc"),
    ],
    ids=["IPv4", "IPv6", "no host", "outside a pod"],
)
def test_in_a_pod_the_api_server_is_reached_without_dns(environ: dict[str, str], server: str) -> None:
    found = kopf.ConnectionInfo(server="https://kubernetes.default.svc", token="made-up", ca_path="ca.crt")
    chosen = connection.at_service_address(found, environ)
    assert chosen == replace(found, server=server)


@pytest.mark.every_python
@pytest.mark.parametrize("comment", ["", "# Société Générale\n"], ids=["plain", "with a comment in UTF-8"])
def test_kopf_trusts_the_clusters_ca_as_our_own_client_does(comment: str) -> None:
    found = kopf.ConnectionInfo(server="https://cluster", ca_data=b64encode(comment.encode() + made().ca_pem).decode())
    context = connection.Connection.like(found).as_ssl_context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(made().ca_pem.decode())]


def test_a_ca_that_is_none_is_left_to_kopfs_own_complaint() -> None:
    found = kopf.ConnectionInfo(server="https://cluster", ca_data=b64encode(b"no certificate").decode())
    assert connection.Connection.like(found).ca_data == found.ca_data
