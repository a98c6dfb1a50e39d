from __future__ import annotations

import hashlib

from github_simulator.ledger import Ledger, Request, redacted


def test_secrets_are_recorded_as_their_sha256() -> None:
    digest = hashlib.sha256(b"ghr_x").hexdigest()
    assert redacted({"refresh_token": "ghr_x", "grant_type": "refresh_token", "client_secret": None}) == {
        "refresh_token": f"sha256:{digest}",
        "grant_type": "refresh_token",
        "client_secret": None,
    }


def test_requests_are_counted_by_operation_and_by_how_many_at_once() -> None:
    ledger = Ledger()
    for operation in ("mint", "mint", "get_app"):
        ledger.begin(Request(at=0, method="GET", path="/", operation=operation))
    ledger.end()
    assert ledger.counts == {"mint": 2, "get_app": 1}
    assert (ledger.in_flight, ledger.most_in_flight) == (2, 3)


def test_a_reset_keeps_what_is_under_way() -> None:
    ledger = Ledger()
    ledger.begin(Request(at=0, method="GET", path="/", operation="mint"))
    ledger.reset()
    assert (len(ledger.requests), ledger.in_flight, ledger.most_in_flight) == (0, 1, 1)
