"""What programs print, made comparable: counts and names out of what test runners say, and text without what never repeats."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SUMMARY_CHARACTERS = 8192
"""A summary stands at the end. Looking no further keeps hostile output from costing anything."""
_NAMED_CHARACTERS = 256 * 1024
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
_DURATION = re.compile(r"\b\d+(?:[.,]\d+)?\s?(?:ns|µs|us|ms|s|sec|secs|seconds?|m|min|minutes?)\b(?:\s?\(\d+:\d{2}:\d{2}\))?")
_CLOCK = re.compile(
    r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?"
)
_TEMPORARY = re.compile(
    r"(?:/private)?(?:/tmp|/var/tmp|/var/folders/[^\s'\":]{1,200}?/T|/dev/shm)(?:/[^\s'\":,)\]]*)?"
    r"|[A-Za-z]:\\[^\s'\"]{0,200}?\\Temp\\[^\s'\"]*"
)
_NUMBER_OF_PROCESS = re.compile(r"\b(pid|PID|process|thread)([ =:]+)\d+\b")

_PYTEST_LINE = re.compile(
    r"^[= \t]*(?P<counts>"
    r"(?:\d{1,9} (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun)(?:, |[ \t]|$))+)"
    r"(?:in [\d.:,]+ ?s(?:econds?)?[^\n]*?)?[= \t]*$",
    re.MULTILINE,
)
_PYTEST_COUNT = re.compile(r"(\d{1,9}) (passed|failed|error|skipped|xfailed|xpassed)")
_NOTHING = re.compile(r"^[= \t]*(?:no tests ran|no tests collected)(?: in [\d.:,]+ ?s)?[^\n]*$", re.MULTILINE)
_UNITTEST_RAN = re.compile(r"^Ran (\d{1,9}) tests?(?: in [\d.]+s)?[ \t\r]*$", re.MULTILINE)
_UNITTEST_END = re.compile(r"^(?:OK|FAILED|NO TESTS RAN)(?: \(([^)\n]*)\))?[ \t\r]*$", re.MULTILINE)
_UNITTEST_PART = re.compile(r"([a-z ]+)=(\d{1,9})\b")
_PHRASE = (
    r"\d{1,9} (?:tests? |specs? |examples? )?"
    r"(?:passed|passing|failed|failing|failures?|errors?|skipped|pending|xfailed|xpassed)"
)
_PHRASED_LINE = re.compile(
    rf"^[^\w\n]*(?:Tests?:?[ \t]+)?({_PHRASE}(?:(?:,|;| and|[ \t])+{_PHRASE})*)(?:,? \d+ total)?"
    r"(?: ?\([^)\n]*\)| in [^\n]*)?[^\w\n]*$",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)
_PHRASED_COUNT = re.compile(r"(\d{1,9}) (?:tests? |specs? |examples? )?([a-z]+)", re.IGNORECASE | re.ASCII)
_TAP = re.compile(r"^[#ℹ] (pass|fail|skipped) (\d{1,9})$", re.MULTILINE)
_WORDS = {
    "passed": "passed", "passing": "passed", "pass": "passed",
    "failed": "failed", "failing": "failed", "failure": "failed", "failures": "failed", "fail": "failed",
    "error": "errors", "errors": "errors",
    "skipped": "skipped", "pending": "skipped",
    "xfailed": "xfailed", "xpassed": "xpassed",
    "expected failures": "xfailed", "unexpected successes": "xpassed",
}  # fmt: skip
_FAILED_NAME = re.compile(r"^(?:FAILED|ERROR) (?P<name>\S+\.py::.*?|\S+\.py)(?: - .*)?$", re.MULTILINE)
_UNITTEST_NAME = re.compile(r"^(?:FAIL|ERROR): (?P<name>\S+(?: \([\w.]+\))?)", re.MULTILINE)


@dataclass(frozen=True)
class Counts:
    """What a test runner says it counted; ``None``: it says nothing of it."""

    passed: int | None = None
    failed: int | None = None
    errors: int | None = None
    skipped: int | None = None
    xfailed: int | None = None
    xpassed: int | None = None

    def said(self) -> dict[str, int]:
        """The counts that are stated."""
        return {name: value for name, value in vars(self).items() if value is not None}


def parse_counts(text: str) -> Counts | None:
    """The counts that a test runner's output, or a summary in its words, ends with; ``None`` where there are none.

    Of a runner whose summary names only what there was, what it leaves out is 0.
    """
    text = without_colours(text[-_SUMMARY_CHARACTERS:])
    return _pytest_counts(text) or _unittest_counts(text) or _phrased_counts(text)


def failing_names(output: str) -> tuple[str, ...]:
    """The tests that pytest's short summary or unittest's headings name as failing, in order, each once."""
    text = without_colours(output[-_NAMED_CHARACTERS:])
    names = [match["name"] for pattern in (_FAILED_NAME, _UNITTEST_NAME) for match in pattern.finditer(text)]
    return tuple(dict.fromkeys(names))


def without_colours(text: str) -> str:
    """The text without terminal control sequences."""
    return _COLOURS.sub("", text)


def normalise_output(text: str) -> str:
    """The text without what differs from run to run: colours, durations, clocks, addresses, temporary paths, process ids,
    trailing white space and the kind of line ends."""
    text = without_colours(text).replace("\r\n", "\n")
    for pattern, word in ((_TEMPORARY, "<tmp>"), (_ADDRESS, "<address>"), (_CLOCK, "<time>"), (_DURATION, "<duration>")):
        text = pattern.sub(word, text)
    text = _NUMBER_OF_PROCESS.sub(r"\1\2<number>", text)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def same_output(one: str, other: str) -> bool:
    """Whether two outputs differ only in what does not matter; the order of lines does not."""
    first, second = normalise_output(one), normalise_output(other)
    return first == second or sorted(first.split("\n")) == sorted(second.split("\n"))


def _pytest_counts(text: str) -> Counts | None:
    lines = list(_PYTEST_LINE.finditer(text))
    if not lines:
        return Counts(0, 0, 0, 0, 0, 0) if _NOTHING.search(text) else None
    found = {_WORDS[word]: int(count) for count, word in _PYTEST_COUNT.findall(lines[-1]["counts"])}
    return Counts(**{**dict.fromkeys(vars(Counts()), 0), **found}) if found else None


def _unittest_counts(text: str) -> Counts | None:
    ran, ends = list(_UNITTEST_RAN.finditer(text)), list(_UNITTEST_END.finditer(text))
    if not ran:
        return None
    parts = dict.fromkeys(vars(Counts()), 0)
    for word, count in _UNITTEST_PART.findall((ends[-1][1] or "") if ends else ""):
        name = _WORDS.get(word.strip())
        if name is not None:
            parts[name] = int(count)
    if not ends:
        return None
    parts["passed"] = max(int(ran[-1][1]) - sum(parts.values()), 0)
    return Counts(**parts)


def _phrased_counts(text: str) -> Counts | None:
    """Counts in words, where a line holds nothing else: "3 passed and 1 failed", "3 passing (5ms)", TAP's "# pass 3"."""
    found: dict[str, int] = {}
    for line in _PHRASED_LINE.finditer(text):
        found.update({_WORDS[word.lower()]: int(count) for count, word in _PHRASED_COUNT.findall(line[1])})
    found.update({_WORDS[word]: int(count) for word, count in _TAP.findall(text)})
    return Counts(**found) if found else None
