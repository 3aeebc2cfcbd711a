"""The card of a dataset: what a reader of ``README.md`` and a loader of datasets have to know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.formats.writing.base import OutputFile, Writer
from app.formats.writing.manifest import NAME as MANIFEST
from app.formats.writing.manifest import Report
from app.formats.writing.selection import REASONS
from app.rules.vouching import NamedJudge, NamedRubric

NAME = "README.md"
UNKNOWN_LICENCE = "unknown"
_MOST_REPOSITORIES = 50
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))
_VERDICTS = {
    "fixed": "at least one test failed before the change and passes after it, none was broken, the same in every rerun",
    "not_fixed": "the failure was reproduced and not, or not all of it, mended",
    "regressed": "a test that passed before the change fails after it",
    "not_reproduced": "nothing failed before the change",
    "passes": "no workspace from before was given; all tests pass after the change",
    "flaky": "reruns disagree on a test that decides",
    "tampered": "the run's own report cannot be believed",
    "inconclusive": "something stood in the way; nothing is claimed",
}


def card_of(report: Report, writer: Writer, licence: str) -> OutputFile:
    """The card, made when everything else is written."""
    parts = [_front_matter(report, writer, licence), *_body(report, writer, licence)]
    return OutputFile(NAME, ("\n".join(parts).encode(),))


def _front_matter(report: Report, writer: Writer, licence: str) -> str:
    """YAML, in the part of it that is also JSON."""
    rows = sum(report.tally.rows.values())
    fields: dict[str, Any] = {
        "license": licence,
        "pretty_name": f"Verified debugging sessions ({writer.name})",
        "tags": ["debugging", "code", "verified", "pr-telemetry"],
        "task_categories": ["text-generation"],
        "size_categories": [next((name for bound, name in _SIZES if rows < bound), "n>10M")],
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, *_configs(report, writer), "---", ""])


def _configs(report: Report, writer: Writer) -> Iterator[str]:
    splits = [name for name, counts in report.splits.items() if counts["traces"] and report.tally.rows[name]]
    if writer.tables and splits:
        yield "configs:"
    for number, (table, pattern) in enumerate(writer.tables.items() if splits else ()):
        yield f"- config_name: {table}"
        yield from ["  default: true"] if number == 0 else []
        yield "  data_files:"
        for split in splits:
            yield f"  - split: {split}"
            yield f"    path: {json.dumps(pattern.format(split=split))}"


def _body(report: Report, writer: Writer, licence: str) -> Iterator[str]:
    yield f"# Verified debugging sessions: {writer.name}\n"
    yield f"Each row, file or folder is {writer.title}.\n"
    yield f"{report.found} traces were in scope, {report.chosen} of them were chosen.\n"
    yield from _fields(writer)
    yield "## Splits\n"
    yield "No repository is in two splits.\n"
    yield from _table(("split", "rows", "traces", "repositories"), _split_rows(report))
    yield from _verification(report)
    yield from _left_out(report)
    yield "## Consent and licences\n"
    yield _consent_text(report.query)
    yield from _licences(report, licence)
    yield "## Query\n"
    yield f"`{MANIFEST}` holds the query, these counts and the SHA-256 of every file. The same query on the same data"
    yield f"gives the same bytes.\n\n```json\n{json.dumps(dict(report.query), ensure_ascii=False, indent=1)}\n```\n"


def _fields(writer: Writer) -> Iterator[str]:
    if writer.fields:
        yield "## Fields\n"
        yield from _table(("field", "what it is"), [(f"`{name}`", told) for name, told in writer.fields.items()])


def _verification(report: Report) -> Iterator[str]:
    spread = report.distribution.as_json()
    verdicts = spread.pop("verdict", {})
    yield "## How it was verified\n"
    yield (
        "The tests of each session were run again in a locked-down container, before and after its change, and every claim "
        "that its events make was compared with what came of carrying it out again. The verdicts of the chosen traces:\n"
    )
    told = [(name, str(count), _VERDICTS.get(name, "")) for name, count in verdicts.items()]
    yield from _table(("verdict", "traces", "meaning"), told)
    yield from _calibration(report.query.get("calibration"))
    yield "## Distributions\n"
    rows = [(name, value, str(count)) for name, counts in spread.items() for value, count in counts.items()]
    yield from _table(("of", "value", "count"), rows)


def _calibration(asked: Mapping[str, Any] | None) -> Iterator[str]:
    if asked is None:
        return
    judge, rubric = NamedJudge(**asked["judge"]), NamedRubric(**asked["rubric"])
    yield (
        f"Every score is by one judge ({_cell(str(judge))}) and one rubric ({_cell(str(rubric))}), whose agreement with "
        f"reviewers is `{asked['at_least']}` at least on every dimension. So says a comparison of judges, whose report has "
        f"the SHA-256 `{asked['report_sha256']}`:\n"
    )
    yield from _table(("dimension", "label"), list(asked["labels"].items()))


def _left_out(report: Report) -> Iterator[str]:
    left_out, losses = report.tally.left_out, report.tally.losses.losses()
    yield "## What was left out\n"
    yield from _table(("traces", "reason"), [(str(count), REASONS.get(name, name)) for name, count in sorted(left_out.items())])
    yield "Of the chosen traces, this did not fit the format:\n"
    yield from _table(("count", "what", "why"), [(str(loss.count), loss.kind, loss.reason) for loss in losses])


def _split_rows(report: Report) -> list[tuple[str, ...]]:
    rows = report.tally.rows
    return [
        (name, str(rows[name]), str(counts["traces"]), str(counts["repositories"])) for name, counts in report.splits.items()
    ]


def _consent_text(query: Mapping[str, Any]) -> str:
    secrets = "What owners did not agree to was never stored, and secrets were replaced before anything was.\n"
    if query.get("consent") == "given":
        return f"Only sessions whose owners stated their consent are here. {secrets}"
    return f"Sessions that state no consent are here, too; those that refuse what the format needs are not. {secrets}"


def _licences(report: Report, licence: str) -> Iterator[str]:
    stated = "is not stated" if licence == UNKNOWN_LICENCE else f"is stated by its publisher: `{licence}`"
    yield f"The licence of the sessions {stated}. The code in them belongs to these repositories, under their own licences:\n"
    named = list(report.repositories.items())
    rows = [(name, str(about["traces"]), about["split"]) for name, about in named[:_MOST_REPOSITORIES]]
    yield from _table(("repository", "traces", "split"), rows)
    if len(named) > _MOST_REPOSITORIES:
        yield f"And {len(named) - _MOST_REPOSITORIES} more, which `{MANIFEST}` names.\n"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        yield "Nothing.\n"
        return
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
