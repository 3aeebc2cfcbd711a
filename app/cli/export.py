"""``export``: traces as a dataset, out of a data directory or from a server."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import click

from app.api.exports import ANY_VERDICT, ExportParameters, packed, parse_export_parameters
from app.bootstrap.batches import exports_of
from app.cli.calibration_report import read_calibration, render_refusal
from app.cli.client import Client
from app.cli.export_folder import read_manifest, unpack, write_files
from app.errors import ConflictError, UnavailableError
from app.formats.writing.registry import WRITERS
from app.formats.writing.selection import NOT_CALIBRATED, REASONS
from app.models.qa import Verdict
from app.rules.vouching import Calibration
from app.services.export import OnProgress
from app.settings import load_unchecked_settings
from app.utils.atomic import draft_name

EXPORTED, NOTHING_FITS = 0, 1
_BROKEN_PIPE = 141
_BLOCK_BYTES = 1 << 18
_OWN = ("out", "as_json", "server", "data_dir", "calibration", "min_calibration")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_VERDICTS = (*Verdict.__args__, ANY_VERDICT)  # type: ignore[attr-defined]  # a Literal tells its values


@click.command("export")
@click.option("--format", required=True, type=click.Choice([writer.name for writer in WRITERS]), help="What to write.")
@click.option("--out", type=click.Path(path_type=Path, allow_dash=True), help="A new folder; - for standard output.")
@click.option("--verdict", multiple=True, type=click.Choice(_VERDICTS), help="May be given again. [the format's own]")
@click.option("--min-score", type=click.FloatRange(0, 5), help="The score that counts, at least.")
@click.option("--max-score", type=click.FloatRange(0, 5), help="The score that counts, at most.")
@click.option("--rubric", metavar="ID", help="The score that counts is the newest by this rubric.")
@click.option("--judge-kind", type=click.Choice(["llm", "heuristic", "human"]), help="… the newest of such a judge.")
@click.option("--calibration", metavar="REPORT.json", type=_FILE, help="The score that counts is by the judge of this report …")
@click.option(
    "--min-calibration", type=click.Choice(["usable", "calibrated"]), help="… its label on every dimension, at least."
)
@click.option("--needs-review", type=click.Choice(["any", "yes", "no"]), help="Whether its judgement asks for a person. [any]")
@click.option("--claims", type=click.Choice(["any", "none_refuted"]), help="Only traces without a refuted claim. [any]")
@click.option("--min-confirmed", type=click.FloatRange(0, 1), help="Share of a trace's claims that are confirmed, at least.")
@click.option("--consent", type=click.Choice(["given", "not_refused"]), help="Also where none is stated. [given]")
@click.option("--developer-id", help="Exactly this developer.")
@click.option("--bug-id", help="Exactly this bug.")
@click.option("--repo", help="Exactly this name of a repository.")
@click.option("--from", "from_", metavar="TIME", help="Stored at or after this time.")
@click.option("--to", metavar="TIME", help="Stored before this time.")
@click.option("--event-type", help="Traces that hold at least one such event.")
@click.option("-q", metavar="WORDS", help="Words that stand in the task, the reasoning or the commands.")
@click.option("--dedup/--no-dedup", default=None, help="Leave out the same task with the same edits. [--dedup]")
@click.option("--split", metavar="SHARES", help="Of train, validation and test, such as 0.8,0.1,0.1. [1]")
@click.option("--seed", help="Another seed, another division into splits.")
@click.option("--license", help="Identifier of the licence, for the card. [unknown]")
@click.option("--base-image", metavar="IMAGE", help="Build task folders on this image. [the one that verified]")
@click.option("--score-margin", type=click.FloatRange(0, 5), help="How much lower a score makes the worse of a pair. [1]")
@click.option("--dry-run", is_flag=True, help="Only tell what would be exported and what would be left out.")
@click.option("--server", metavar="URL", help="Export from this server (with API_TOKEN) instead of a data directory.")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="[DATA_DIR, default data]")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Write verified traces as a dataset, with a card and a report of what was left out and why.

    Where nothing else is asked for, a format takes the verdicts that it is made for, of sessions that state their consent. To
    standard output go the rows alone, or a tar archive where the format is a folder. The same query on the same data gives the
    same bytes.

    \b
    Exit codes:
      0   the dataset is written
      1   no trace fits; nothing is written
      73  the folder is there, and not empty

    \b
    Examples:
      pr-telemetry export --format messages --min-score 3.5 --split 0.8,0.1,0.1 --out sft
      pr-telemetry export --format parquet --verdict any --out tables
      pr-telemetry export --format messages --judge-kind llm --calibration report.json --min-calibration usable --out sft
      pr-telemetry export --format jsonl --server http://127.0.0.1:8000 --out - > traces.jsonl
    """
    out: Path | None = given["out"]
    calibration = _calibration(context, given)
    if out is None and not given["dry_run"]:
        raise click.UsageError("Say where to: --out FOLDER, or --out - for standard output.", context)
    if out is not None and str(out) != "-":
        refuse_unless_empty(out)
    asked = {name: value for name, value in given.items() if name not in _OWN and value not in (None, ())}
    if given["verdict"]:
        asked["verdict"] = ",".join(given["verdict"])
    is_folder = out is not None and str(out) != "-"
    parameters = parse_export_parameters(asked | ({"package": "tar"} if is_folder else {}))
    report = _run(parameters, calibration, given)
    _tell(report, to_stderr=str(out) == "-", as_json=given["as_json"])
    refused = report["traces"]["left_out"].get(NOT_CALIBRATED, 0)
    if calibration is not None and refused and not report["traces"]["chosen"]:
        click.echo(render_refusal(given["calibration"], calibration, refused), err=True)
    context.exit(EXPORTED if report["traces"]["chosen"] else NOTHING_FITS)


def _calibration(context: click.Context, given: dict[str, Any]) -> Calibration | None:
    path: Path | None = given["calibration"]
    if (path is None) != (given["min_calibration"] is None):
        raise click.UsageError("--calibration and --min-calibration go together.", context)
    if path is not None and given["server"] is not None:
        raise click.UsageError("A server takes no report: --calibration is for a data directory, not for --server.", context)
    return None if path is None else read_calibration(path, given["min_calibration"])


def _run(parameters: ExportParameters, calibration: Calibration | None, given: dict[str, Any]) -> dict[str, Any]:
    """Export, and answer with the report."""
    out = None if given["dry_run"] else given["out"]
    if given["server"] is not None:
        return _from_server(parameters, given["server"], out)
    return _from_directory(parameters, calibration, given["data_dir"], out)


def _from_directory(
    parameters: ExportParameters, calibration: Calibration | None, data_dir: Path | None, out: Path | None
) -> dict[str, Any]:
    settings = load_unchecked_settings()
    asked = parameters.request()
    request = replace(asked, filters=replace(asked.filters, calibration=calibration))
    package = parameters.chosen_package()
    with exports_of(settings.model_copy(update={"data_dir": data_dir or settings.data_dir})) as service, _bar() as on_progress:
        export = service.prepare(request, on_progress)
        if out is None or not export.report.chosen:
            return export.report.plan()
        if str(out) == "-":
            _write_out(packed(export, package))
            return export.report.as_json()
        with new_folder(out) as folder:
            write_files(export.files(), folder)
        return export.report.as_json()


def _from_server(parameters: ExportParameters, url: str, out: Path | None) -> dict[str, Any]:
    token = load_unchecked_settings().api_token
    client = Client(url.rstrip("/"), token.get_secret_value() if token is not None else "")
    parameters.request()
    given = parameters.model_dump(mode="json", exclude_none=True, exclude_defaults=True, by_alias=True)
    plan = cast("dict[str, Any]", client.get(f"/export?{urlencode({**given, 'dry_run': 'true'})}"))
    if out is None or not plan["traces"]["chosen"]:
        return plan
    with client.stream(f"/export?{urlencode(given)}") as stream:
        if str(out) == "-":
            _write_out(iter(lambda: stream.read(_BLOCK_BYTES), b""))
            return plan
        with new_folder(out) as folder:
            unpack(stream, folder)
            return read_manifest(folder)


def _write_out(pieces: Iterable[bytes]) -> None:
    """To standard output. A reader that has enough ends the command."""
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # nothing more can be written there, not even by the interpreter at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(_BROKEN_PIPE) from None


def refuse_unless_empty(out: Path) -> None:
    """Nothing that is there is written over.

    Raises:
        ConflictError: it is there, and not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConflictError(f"{out} is there, and not an empty folder; name a new one")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that gets its name when all of it is written; where something goes wrong, nothing of it stays."""
    draft = draft_name(out.absolute())
    try:
        draft.mkdir(parents=True)
        yield draft
        if out.is_dir():
            out.rmdir()
        draft.replace(out)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise UnavailableError(f"{out} cannot be written: {error.strerror or error}") from None
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


@contextmanager
def _bar() -> Iterator[OnProgress]:
    """Tells on a terminal how far each stage is; elsewhere nothing."""
    if not sys.stderr.isatty() or "NO_PROGRESS" in os.environ:
        yield lambda *_: None
        return
    bars: dict[str, Any] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = click.progressbar(length=total, label=stage, file=sys.stderr, show_pos=True, show_eta=True)
            bars[stage].__enter__()
        bars[stage].update(done - bars[stage].pos)

    try:
        yield tell
    finally:
        for bar in bars.values():
            bar.__exit__(None, None, None)


def _tell(report: dict[str, Any], *, to_stderr: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False), err=to_stderr)
        return
    traces = report["traces"]
    click.echo(f"{traces['chosen']} of {traces['found']} traces", err=True)
    for reason, count in traces["left_out"].items():
        click.echo(f"  left out: {count}: {REASONS.get(reason, reason)}", err=True)
    for name, counts in report["splits"].items():
        rows = f"{counts['rows']} rows, " if "rows" in counts else ""
        click.echo(f"  {name}: {rows}{counts['traces']} traces of {counts['repositories']} repositories", err=True)
    for loss in report.get("lost", ()):
        click.echo(f"  not kept: {loss['count']} {loss['kind']}: {loss['reason']}", err=True)
