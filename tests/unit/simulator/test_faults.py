from __future__ import annotations

import json
from typing import Any

import pytest

from github_simulator.faults import Faults


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.mark.parametrize(
    ("operation", "app_id", "asked", "strikes"),
    [
        pytest.param("mint", None, ("mint", 1), True, id="any-app"),
        pytest.param("mint", 1, ("mint", 1), True, id="that-app"),
        pytest.param("mint", 1, ("mint", 2), False, id="other-app"),
        pytest.param("mint", 1, ("mint", None), False, id="unknown-app"),
        pytest.param("mint", None, ("refresh", 1), False, id="other-operation"),
        pytest.param("*", None, ("refresh", 1), True, id="any-operation"),
    ],
)
def test_a_fault_strikes_what_it_was_set_for(
    faults: Faults, operation: str, app_id: int | None, asked: tuple[str, int | None], *, strikes: bool
) -> None:
    faults.add(operation, {"app_id": app_id, "status": 502})
    assert (faults.take(*asked) is not None) is strikes


def test_a_counted_fault_goes_away(faults: Faults) -> None:
    faults.add("mint", {"times": 2, "status": 502})
    assert [faults.take("mint", 1) is not None for _ in range(3)] == [True, True, False]


def test_an_uncounted_fault_stays_until_it_is_cleared(faults: Faults) -> None:
    fault = faults.add("mint", {"status": 502})
    assert all(faults.take("mint", 1) for _ in range(10))
    assert fault.struck == 10
    faults.clear(fault.id)
    assert faults.take("mint", 1) is None


def test_the_oldest_fault_strikes_alone(faults: Faults) -> None:
    first = faults.add("mint", {"times": 1, "status": 502})
    second = faults.add("mint", {"times": 1, "status": 503})
    assert [faults.take("mint", 1), faults.take("mint", 1)] == [first, second]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param({"status": 502}, "Server Error", id="server-error"),
        pytest.param({"status": 401}, "Bad credentials", id="unauthorized"),
        pytest.param({"status": 429}, "You have exceeded a secondary rate limit", id="secondary-limit"),
        pytest.param({"status": 403, "reset_in": 5}, "API rate limit exceeded", id="primary-limit"),
    ],
)
def test_a_canned_status_has_githubs_words(faults: Faults, fault: dict[str, Any], message: str) -> None:
    document = json.loads(faults.add("mint", fault).canned_body())
    assert document["message"].startswith(message)
    assert document["status"] == str(fault["status"])


def test_a_canned_body_is_sent_as_it_is(faults: Faults) -> None:
    fault = faults.add("mint", {"body": "<html>"})
    assert (fault.canned_status(), fault.canned_body()) == (200, b"<html>")


def test_fields_of_the_true_answer_are_set_and_left_out(faults: Faults) -> None:
    fault = faults.add("mint", {"set_fields": {"a": "1"}, "remove_fields": ["b"]})
    assert fault.edited({"a": 1, "b": 2, "c": 3}) == {"a": "1", "c": 3}
    assert not fault.replaces_answer


def test_a_reset_is_counted_from_now(faults: Faults) -> None:
    fault = faults.add("mint", {"status": 403, "reset_in": 29.5, "headers": {"Retry-After": ""}})
    assert fault.extra_headers(now=100) == {
        "Retry-After": "",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "130",
    }


@pytest.mark.parametrize("options", [{"times": 0}, {"colour": "red"}])
def test_a_fault_that_makes_no_sense_is_refused(faults: Faults, options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        faults.add("mint", options)
    assert not faults.active
