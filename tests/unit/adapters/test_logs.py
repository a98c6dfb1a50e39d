from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import kopf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from githubtoken_operator.adapters.logs import LIBRARIES, SILENT, about, configure
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.domain.vocabulary.redaction import TOKEN_PREFIXES
from githubtoken_operator.settings import LogFormat, LogLevel

FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)
OWN = "githubtoken_operator.tokens.runs.reconciler"
CANARY = "ghs_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Puts back what `configure` changes for the whole process."""
    root = logging.getLogger()
    handlers, hooks = tuple(root.handlers), (sys.excepthook, threading.excepthook)
    loggers = [root, *(logging.getLogger(name) for name in (*LIBRARIES, *SILENT, "githubtoken_operator"))]
    levels = [logger.level for logger in loggers]
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    sys.excepthook, threading.excepthook = hooks
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


class Log:
    """The log of one test."""

    def __init__(self, log_format: LogFormat, level: LogLevel = "info") -> None:
        self.stream = io.StringIO()
        configure(log_format, level, self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def test_a_json_record_is_one_line_with_time_level_logger_message_and_fields() -> None:
    log = Log("json")
    extra = about("team-a", "alice") | {"attempt": 2, "due": datetime(2026, 1, 1, 12, tzinfo=UTC), "late": None}
    logging.getLogger(OWN).info("renewed %s\nas revision %d", "the token", 3, extra=extra)

    [record] = log.records
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("time"))
    assert record == {
        "level": "INFO",
        "logger": OWN,
        "message": "renewed the token\nas revision 3",
        "namespace": "team-a",
        "name": "alice",
        "attempt": 2,
        "due": "2026-01-01T12:00:00.000Z",
        "late": None,
    }


def test_a_text_record_is_a_line_with_its_fields_at_the_end() -> None:
    log = Log("text")
    logging.getLogger(OWN).warning("late", extra=about("team-a", "alice") | {"seconds": 4})
    assert re.fullmatch(rf"\S+Z WARNING {OWN}: late namespace=team-a name=alice seconds=4\n", log.text)


def test_time_is_utc() -> None:
    log = Log("json")
    record = logging.makeLogRecord({"name": OWN, "levelno": logging.INFO, "created": 1767268800.0})
    logging.getLogger(OWN).handle(record)
    assert log.records[0]["time"] == "2026-01-01T12:00:00.000Z"


def test_an_exception_is_part_of_its_record() -> None:
    log = Log("json")
    try:
        int("broken")
    except ValueError:
        logging.getLogger(OWN).exception("failed")
    [record] = log.records
    assert "ValueError: invalid literal" in record["exc_info"]


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        pytest.param("debug", ["debug", "info", "warning", "error"], id="debug"),
        pytest.param("info", ["info", "warning", "error"], id="info"),
        pytest.param("warning", ["warning", "error"], id="warning"),
        pytest.param("error", ["error"], id="error"),
    ],
)
def test_the_level_is_the_least_severe_that_is_heard_of_the_operator(level: LogLevel, heard: list[str]) -> None:
    log = Log("json", level)
    for name in ("debug", "info", "warning", "error"):
        logging.getLogger(OWN).log(logging.getLevelNamesMapping()[name.upper()], name)
    assert [record["message"] for record in log.records] == heard


@pytest.mark.parametrize(
    "library", [*LIBRARIES, "kopf.activities.probe", "kubernetes.aio.client.rest", "httpcore.http11", "any.other"]
)
def test_libraries_are_heard_from_warnings_on_even_at_debug(library: str) -> None:
    log = Log("json", "debug")
    logger = logging.getLogger(library)
    logger.debug("a body")
    logger.info("a handler succeeded")
    logger.warning("something is odd")
    assert [record["message"] for record in log.records] == ["something is odd"]


def test_what_kopf_hangs_on_its_records_is_left_out() -> None:
    log = Log("json")
    extra = {"settings": kopf.OperatorSettings(), "k8s_skip": True, "k8s_ref": {"name": "alice", "uid": "1"}}
    logging.getLogger("kopf.objects").warning("odd", extra=extra)
    assert set(log.records[0]) == {"time", "level", "logger", "message"}


def test_warnings_are_records_too() -> None:
    log = Log("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("this will be gone", DeprecationWarning, stacklevel=1)
    assert "this will be gone" in log.records[0]["message"]


def test_configuring_again_replaces_the_handler() -> None:
    first = Log("json")
    second = Log("text")
    logging.getLogger(OWN).info("once")
    assert first.text == ""
    assert second.text.count("once") == 1


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError(CANARY)


def in_message(logger: logging.Logger, secret: str) -> None:
    logger.info(secret)


def in_arguments(logger: logging.Logger, secret: str) -> None:
    logger.info("got %s and %r", secret, {"token": secret})


def over_template_and_arguments(logger: logging.Logger, secret: str) -> None:
    template = "".join((secret[:10].replace("%", ""), "%s"))
    logger.info(template, secret[10:])


def in_mapped_arguments(logger: logging.Logger, secret: str) -> None:
    logger.info("got %(token)s", {"token": secret})


def in_arguments_that_do_not_fit(logger: logging.Logger, secret: str) -> None:
    template = "got %d of %d"
    logger.info(template, secret)


def in_an_object_as_message(logger: logging.Logger, secret: str) -> None:
    logger.info({"token": secret})


def in_fields(logger: logging.Logger, secret: str) -> None:
    logger.info("got it", extra={"answer": {"tokens": [secret, (secret,)], secret: 1}, "raw": secret.encode()})


def in_fields_that_are_objects(logger: logging.Logger, secret: str) -> None:
    logger.info("got it", extra={"error": ValueError(secret), "token": Token(secret), "bad": Unspeakable()})


def in_a_cyclic_field(logger: logging.Logger, secret: str) -> None:
    cyclic: list[object] = [secret]
    cyclic.append(cyclic)
    logger.info("got it", extra={"cyclic": cyclic})


def in_an_exception(logger: logging.Logger, secret: str) -> None:
    try:
        try:
            dict[str, str]()[secret]
        except KeyError as error:
            raise ValueError(f"bad token {secret}") from error
    except ValueError:
        logger.exception("failed")


def in_a_stack(logger: logging.Logger, secret: str) -> None:
    record = logger.makeRecord(OWN, logging.INFO, "x.py", 1, "here", (), None, sinfo=f"Stack:\n  f('{secret}')")
    logger.handle(record)


def in_an_uncaught_error(logger: logging.Logger, secret: str) -> None:
    error = RuntimeError(secret)
    sys.excepthook(RuntimeError, error, None)


def in_an_uncaught_error_of_a_thread(logger: logging.Logger, secret: str) -> None:
    error = RuntimeError(secret)
    threading.excepthook(threading.ExceptHookArgs((RuntimeError, error, None, threading.current_thread())))


WAYS = (
    in_message,
    in_arguments,
    over_template_and_arguments,
    in_mapped_arguments,
    in_arguments_that_do_not_fit,
    in_an_object_as_message,
    in_fields,
    in_fields_that_are_objects,
    in_a_cyclic_field,
    in_an_exception,
    in_a_stack,
    in_an_uncaught_error,
    in_an_uncaught_error_of_a_thread,
)

LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=36, max_size=60)
TOKENS = st.one_of(
    st.builds("{}{}".format, st.sampled_from(TOKEN_PREFIXES), LETTERS),
    st.builds("ghs_{}_eyJ{}.eyJ{}.{}-_{}".format, st.integers(1, 10**7), LETTERS, LETTERS, LETTERS, LETTERS),
)


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("way", WAYS)
@given(before=st.text(max_size=20), token=TOKENS, after=st.text(max_size=20), encoded=st.booleans())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_token_reaches_the_log_on_any_way(
    *,
    way: Callable[[logging.Logger, str], None],
    log_format: LogFormat,
    before: str,
    token: str,
    after: str,
    encoded: bool,
) -> None:
    log = Log(log_format, "debug")
    secret = b64encode(f"user:{token}".encode()).decode() if encoded else token
    way(logging.getLogger(OWN), before + secret + after)

    assert log.text.endswith("\n")
    assert token not in log.text
    assert secret.rstrip("=") not in log.text


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_writes_a_record_and_raises_nothing(
    way: Callable[[logging.Logger, str], None], log_format: LogFormat, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log(log_format)
    way(logging.getLogger(OWN), CANARY)
    assert re.search(rf"{OWN}|uncaught", log.text)
    # Nor does the logging module complain on standard error, with the arguments in its complaint.
    assert capfd.readouterr() == ("", "")


def test_a_broken_stream_does_not_make_logging_print_secrets(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log("json")
    log.stream.close()
    logging.getLogger(OWN).info("got %s", CANARY)
    complaint = capfd.readouterr().err
    assert "I/O operation on closed file" in complaint
    assert CANARY not in complaint.replace(f'CANARY = "{CANARY}"', "")


def test_handlers_of_others_see_the_record_as_it_was() -> None:
    seen: list[Mapping[str, Any]] = []

    class Other(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(dict(vars(record)))

    log = Log("json")
    logging.getLogger().addHandler(Other())
    settings_of_kopf = object()
    logging.getLogger(OWN).info("n=%d", 1, extra={"settings": settings_of_kopf, "items": [1]})
    assert log.records[0]["message"] == "n=1"
    [record] = seen
    assert (record["msg"], record["args"], record["settings"]) == ("n=%d", (1,), settings_of_kopf)


def test_an_interrupt_by_the_user_is_no_record(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log("json")
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert log.text == ""
    assert "KeyboardInterrupt" in capfd.readouterr().err


@pytest.mark.parametrize("name", [*SILENT, "azure.identity._internal.decorators", "botocore.credentials"])
@pytest.mark.parametrize("level", get_args(LogLevel))
def test_the_clouds_libraries_are_not_heard(level: LogLevel, name: str) -> None:
    log = Log("text", level)

    logging.getLogger(name).error("ManagedIdentityCredential.get_token failed: AADSTS700016 %s", CANARY)

    assert not log.text
