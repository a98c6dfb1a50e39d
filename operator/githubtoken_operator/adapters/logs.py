"""The operator's log: one line per record on standard error, JSON or text, without secrets.

Every record that reaches the handler is redacted before anything else is done with it: message and arguments, the
fields of `extra`, the text of exceptions and stacks. So is what ends a thread or the process uncaught.

Libraries are heard from `WARNING` on, whatever `--log-level` says: at `DEBUG`, kopf prints whole objects, Secrets among
them, and HTTP clients print headers. kopf at `INFO` says of every event that its handler succeeded. The clouds'
libraries are not heard at all.

A record about an object carries `extra=about(namespace, name)`; `name` alone is taken by the record's logger.
"""

from __future__ import annotations

import copy
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from githubtoken_operator.domain.vocabulary.redaction import redact
from githubtoken_operator.settings import LogFormat, LogLevel

OPERATOR: Final = "githubtoken_operator"
"""The logger above all of the operator's own."""

LIBRARIES: Final = ("kopf", "kopf.objects", "kubernetes", "aiohttp", "httpx", "httpcore", "urllib3", "asyncio")
"""Loggers whose own levels are set too, as some of these libraries set them themselves."""

SILENT: Final = ("azure", "botocore", "google.auth", "msal")
"""Loggers that are not heard: of a refusal they say what the App's condition says, with an identity provider's text."""

_OBJECT_NAME: Final = "object_name"
_RESERVED: Final = frozenset({*RESERVED_ATTRS, "taskName"})
_KOPFS_OWN: Final = frozenset({"settings", "k8s_ref", "k8s_skip"})
"""What kopf hangs on its records for itself."""

_MAX_DEPTH: Final = 8
"""Nesting of `extra` values that is kept; below, and in cycles, a value is shown as its repr."""


def about(namespace: str, name: str) -> dict[str, str]:
    """The `extra` of a record about a namespaced object; it comes out as the fields `namespace` and `name`."""
    return {"namespace": namespace, _OBJECT_NAME: name}


def configure(log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """Send everything that is logged, and warnings, to `stream` (standard error); replaces earlier handlers."""
    handler = RedactingHandler(stream)
    handler.setFormatter(_json_formatter() if log_format == "json" else _TextFormatter())

    root = logging.getLogger()
    for earlier in tuple(root.handlers):
        root.removeHandler(earlier)
    root.addHandler(handler)

    own = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger(OPERATOR).setLevel(own)
    root.setLevel(max(own, logging.WARNING))
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(max(own, logging.WARNING))

    for library in SILENT:
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)

    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class RedactingHandler(logging.StreamHandler[TextIO]):
    """Writes redacted copies of records, so that handlers of others still see what they need."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record; what follows here, complaints about a failed write included, sees the copy only."""
        return bool(super().handle(_redacted(record)))


def _redacted(record: logging.LogRecord) -> logging.LogRecord:
    record = copy.copy(record)
    record.msg, record.args = redact(_message(record)), None
    if record.exc_info:
        record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
    if record.exc_text:
        record.exc_text = redact(record.exc_text)
    if record.stack_info:
        record.stack_info = redact(record.stack_info)
    for key, value in _extra(record).items():
        del record.__dict__[key]
        if key not in _KOPFS_OWN:
            record.__dict__[_redacted_key(key)] = _redacted_value(value)
    return record


@lru_cache(maxsize=256)
def _redacted_key(key: str) -> str:
    """The same of a field's name, of which there are few."""
    return redact(key)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a record that does not format must not break its caller, nor print its arguments
        return f"{record.msg} (the arguments of this record do not fit)"


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _RESERVED}


def _redacted_value(value: object, depth: int = 0) -> object:
    """The value as JSON can show it, without secrets."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case datetime():
            return _timestamp(value)
        case Mapping() if depth < _MAX_DEPTH:
            return {redact(str(key)): _redacted_value(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_redacted_value(item, depth + 1) for item in value]
    return redact(_repr(value))


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - the same as in `_message`
        return f"<{type(value).__name__} that cannot be shown>"


def _timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Rfc3339Formatter(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        return _timestamp(datetime.fromtimestamp(record.created, UTC))


class _JsonFormatter(_Rfc3339Formatter, JsonFormatter):
    pass


def _json_formatter() -> logging.Formatter:
    return _JsonFormatter(
        ["asctime", "levelname", "name", "message"],
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger", _OBJECT_NAME: "name"},
        reserved_attrs=[*_RESERVED],
        json_ensure_ascii=False,
    )


class _TextFormatter(_Rfc3339Formatter):
    """`2026-01-31T12:00:00.000Z INFO    githubtoken_operator.cli: message namespace=team-a name=alice`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        fields = "".join(
            f" {'name' if key == _OBJECT_NAME else key}={value}"
            for key, value in _extra(record).items()
            if key not in {"message", "asctime"}
        )
        return super().formatMessage(record) + fields


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None, what: str = "the process"
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger(OPERATOR).critical("an uncaught error ends %s", what, exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        name = args.thread.name if args.thread is not None else "a thread"
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback, f"thread {name!r}")
