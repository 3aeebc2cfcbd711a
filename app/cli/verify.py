"""``verify``: is a document what was sealed? Needs no server, no network, and no other file than the public key."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click

from app.errors import InvalidError
from app.rules.findings import Report
from app.rules.integrity import verify_stream
from app.storage.keys import key_id_of, read_public_key
from app.utils.json_stream import UnreadableJsonError, parse_json

PROVEN, BROKEN, NOT_PROVEN, UNREADABLE = 0, 1, 3, 65
_WORDS = {PROVEN: "OK", BROKEN: "BROKEN", NOT_PROVEN: "NOT PROVEN"}
_BLOCK_BYTES = 1024 * 1024

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("verify")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--public-key", "key_files", multiple=True, type=_FILE, help="Public key (PEM) whose signatures to believe.")
@click.option("--checkpoint", "checkpoint_files", multiple=True, type=_FILE, help="A checkpoint that has to be contained.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each document, with all findings.")
def command(files: Sequence[Path], key_files: Sequence[Path], checkpoint_files: Sequence[Path], as_json: bool) -> None:
    """Recompute everything in exported documents, and name the first broken place of each.

    A file holds one document, or one after the other (JSON lines); - reads standard input.

    \b
    Exit codes:
      0   every document is what was sealed, signed by a key that was given
      1   at least one document was changed, or is signed by another key
      3   nothing is broken, but something is not sealed, or no key was given to check it with
      65  a file cannot be read as JSON documents

    \b
    Example:
      pr-telemetry verify trace.json --public-key data/keys/public/0123456789abcdef.pem
    """
    keys = {key_id_of(raw): raw for raw in map(read_public_key, key_files)}
    checkpoints = [_read_checkpoint(path) for path in checkpoint_files]
    codes: Counter[int] = Counter()
    unmatched = {str(checkpoint.get("trace_id")) for checkpoint in checkpoints}
    for path in files:
        for report in _reports(path, keys, checkpoints, codes):
            codes[_code(report)] += 1
            unmatched.discard(report.trace_id or "")
            click.echo(_render_json(path, report) if as_json else _render(path, report))
    for trace_id in sorted(unmatched):
        codes[NOT_PROVEN] += 1
        click.echo(f"the checkpoint of trace {trace_id} belongs to none of these documents", err=True)
    raise SystemExit(next((code for code in (UNREADABLE, BROKEN, NOT_PROVEN) if codes[code]), PROVEN))


def _reports(
    path: Path, keys: Mapping[str, bytes], checkpoints: Sequence[Mapping[str, Any]], codes: Counter[int]
) -> Iterator[Report]:
    """The reports of a file, up to where it cannot be read."""
    read = 0
    try:
        with _open(path) as file:
            for report in verify_stream(file, keys, checkpoints):
                read += 1
                yield report
        if not read:
            raise UnreadableJsonError("the file is empty")
    except UnreadableJsonError as error:
        codes[UNREADABLE] += 1
        click.echo(f"{path}: document {read + 1} cannot be read: {error}", err=True)
    except OSError as error:
        codes[UNREADABLE] += 1
        click.echo(f"{path}: cannot be read: {error.strerror or error}", err=True)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    if str(path) != "-":
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as copy:
        source = sys.stdin.buffer
        while block := source.read(_BLOCK_BYTES):
            copy.write(block)
        yield copy  # the pipe itself cannot be read twice


def _read_checkpoint(path: Path) -> Mapping[str, Any]:
    try:
        checkpoint = parse_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:  # also UnreadableJsonError and UnicodeDecodeError
        raise InvalidError(f"The checkpoint {path} cannot be read: {error}") from None
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("trace_id"), str):
        raise InvalidError(f"{path} is not a checkpoint: it names no trace.")
    return checkpoint


def _code(report: Report) -> int:
    if report.is_broken:
        return BROKEN
    return PROVEN if report.is_proven else NOT_PROVEN


def _render(path: Path, report: Report) -> str:
    what = f"{path}: trace {report.trace_id or 'without id'}, {report.num_events} events: {_WORDS[_code(report)]}"
    if report.is_proven:
        return f"{what}, signed by {report.key_id}"
    first = report.findings[0]
    more = len(report.findings) - 1
    return f"{what}: {first.place}: {first.message}" + (f" (and {more} more; --json lists all)" if more else "")


def _render_json(path: Path, report: Report) -> str:
    findings = [{name: value for name, value in asdict(found).items() if value is not None} for found in report.findings]
    return json.dumps(
        {
            "file": str(path),
            "trace_id": report.trace_id,
            "num_events": report.num_events,
            "result": {PROVEN: "intact", BROKEN: "broken", NOT_PROVEN: "not_proven"}[_code(report)],
            "is_sealed": report.is_sealed,
            "key_id": report.key_id,
            "findings": findings,
        },
        ensure_ascii=False,
    )
