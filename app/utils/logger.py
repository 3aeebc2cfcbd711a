"""Log lines: a constant sentence, with facts beside it. Never contents, never secrets."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class _Facts(logging.Formatter):
    """One line a record; the facts given as ``extra`` follow the sentence."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        facts = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "level": record.levelname, "logger": record.name, "message": record.getMessage(), **facts}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if self._as_json:
            return json.dumps(line, default=str)
        shown = " ".join(f"{key}={_on_one_line(value)}" for key, value in facts.items())
        text = f"{when} {record.levelname:<7} {record.name}: {record.getMessage()} {shown}".rstrip()
        return f"{text}\n{line['exception']}" if "exception" in line else text


def _on_one_line(value: object) -> str:
    """A fact as text that can form no line and no terminal code of its own."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(value)
    )


def configure_logging(level: str, form: Literal["text", "json"]) -> None:
    """Send the application's log to standard error in the given form. Other libraries' loggers stay as they are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Facts(as_json=form == "json"))
    root = logging.getLogger("app")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
