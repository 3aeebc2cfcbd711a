"""Why a file cannot be imported. The reader of a format raises nothing else, whatever the file holds."""

from __future__ import annotations

from app.errors import InvalidError


class FormatError(InvalidError):
    """The file cannot be imported."""

    code = "not_importable"


class UnreadableSourceError(FormatError):
    """The file cannot be read at all."""

    code = "unreadable_source"

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} cannot be read: {problem}", problem=problem)
        self.problem = problem


class UnknownFormatError(FormatError):
    """No format has this content."""

    code = "unknown_format"


class NothingUsableError(FormatError):
    """The file is of a known format, and nothing in it can become a session."""

    code = "nothing_usable"


class MissingFactsError(FormatError):
    """The session lacks facts about its repository that a trace has to state."""

    code = "missing_facts"
