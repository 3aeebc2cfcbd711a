"""``submit``: send recorded sessions to a server."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from app.cli.attachments import attachments_of, is_attachment, packed, upload
from app.cli.client import Client, client_of
from app.cli.finalizing import OnStage, finalize_on, is_finalized, problem_of, render_found
from app.cli.main import exit_code_of
from app.cli.terminal import harmless, progress_line
from app.errors import DeniedError, InvalidError, PRTelemetryError, UnavailableError
from app.utils.json_stream import UnreadableJsonError, parse_json

SUBMITTED, SOME_FAILED = 0, 1
_CREATED = 201
_PATH = click.Path(path_type=Path, exists=True)


@click.command("submit")
@click.argument("paths", metavar="FILE|FOLDER…", nargs=-1, required=True, type=_PATH)
@click.option("--workspace", type=_PATH, help="Folder or tar archive that every session began with. [NAME.workspace]")
@click.option("--final-workspace", type=_PATH, help="Folder or tar archive that it ended with. [NAME.final_workspace]")
@click.option("--tests", type=_PATH, help="Folder or tar archive of tests to trust. [NAME.tests]")
@click.option("--finalize", is_flag=True, help="Have each checked, unless it was already, and print its verdict.")
@click.option("--server", metavar="URL", help="The server (with API_TOKEN). [http://HOST:PORT of the settings]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each file.")
def command(paths: Sequence[Path], server: str | None, *, finalize: bool, as_json: bool, **given: Path | None) -> None:
    """Send recorded sessions, with the trees that their tests run on, to a server. The same again changes nothing.

    A FILE is a trace document. Of a FOLDER, every *.json in it and below is sent. Trees lie beside the document NAME.json as
    NAME.workspace, NAME.final_workspace and NAME.tests: folders, or tar archives (also .tar, .tar.gz, .tgz). One file that is
    refused does not stop the others, and everything that is wrong with it is told. A document without a trace_id gets one that
    is made of its content.

    \b
    Exit codes:
      0   everything is on the server
      1   some files are, and some are not
      65  none is: the document is refused
      69  the server is away; what was not tried is counted
      73  none is: the id is taken by another trace
      77  the token is missing or wrong

    \b
    Examples:
      pr-telemetry submit sample_repo/sessions/thoughtful-fix.json --workspace sample_repo --finalize
      pr-telemetry submit sessions/ --server http://127.0.0.1:8000
      pr-telemetry submit sessions/ --json | jq -c 'select(.problem)'
    """
    client = client_of(server)
    files = list(dict.fromkeys(file for path in paths for file in _documents(path)))
    problems: list[PRTelemetryError] = []
    for number, file in enumerate(files):
        with progress_line(number, len(files), file.name) as on_stage:
            sent = _submit(client, file, given, on_stage if finalize else None)
        click.echo(json.dumps(sent.as_json(), ensure_ascii=False) if as_json else sent.render())
        if sent.problem is not None:
            problems.append(sent.problem)
            _give_up_if_hopeless(sent.problem, len(files) - number - 1)
    if problems:
        raise SystemExit(SOME_FAILED if len(problems) < len(files) else exit_code_of(problems[0]))


@dataclass(frozen=True)
class _Sent:
    """What became of one file."""

    file: Path
    trace_id: str | None = None
    is_new: bool = False
    artifacts: tuple[str, ...] = ()
    found: dict[str, Any] | None = None
    problem: PRTelemetryError | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "file": str(self.file),
            "trace_id": self.trace_id,
            "is_new": self.is_new,
            "artifacts": list(self.artifacts),
            "finalized": self.found,
            "problem": None if self.problem is None else problem_of(self.problem),
        }

    def render(self) -> str:
        if self.problem is not None:
            return "\n".join([harmless(f"{self.file}: not submitted: {self.problem.detail}"), *_faults(self.problem)])
        state = "stored" if self.is_new else "was there already"
        trees = f", with {', '.join(self.artifacts)}" if self.artifacts else ""
        return "\n".join([f"{self.file}: {self.trace_id}: {state}{trees}", *(render_found(self.found) if self.found else ())])


def _documents(path: Path) -> Iterator[Path]:
    """The file itself, or every document of a folder in order of its name. Links are followed only where they are named.

    Raises:
        InvalidError: there is none.
    """
    if path.is_file():
        yield path
        return
    found = sorted(_below(path))
    if not found:
        raise InvalidError(f"{path} holds no *.json")
    yield from found


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir() and not is_attachment(path):
            yield from _below(path)
        elif path.is_file() and path.suffix == ".json":
            yield path


def _submit(client: Client, file: Path, given: Mapping[str, Path | None], on_stage: OnStage | None) -> _Sent:
    """Send one file, and have it checked where ``on_stage`` is there to hear of it."""
    sent = _Sent(file)
    try:
        attachments = attachments_of(file, given)
        content = _content(file)
        answer = client.post_bytes("/traces", content)
        trace_id = str(answer.document["trace_id"])
        sent = replace(sent, trace_id=trace_id, is_new=answer.status == _CREATED)
        for kind, path in attachments.items():
            with packed(path) as archive:
                upload(client, trace_id, kind, archive)
            sent = replace(sent, artifacts=(*sent.artifacts, kind))
        if on_stage is not None and not is_finalized(client, trace_id):
            sent = replace(sent, found=finalize_on(client, trace_id, {}, on_stage))
    except PRTelemetryError as error:
        return replace(sent, problem=error)
    return sent


def _content(file: Path) -> bytes:
    """The document as it is sent: as it is, or with an id that the same content always has.

    Raises:
        InvalidError: it cannot be read, or is no JSON object.
    """
    try:
        raw = file.read_bytes()
        document = parse_json(raw.decode("utf-8-sig"))
    except OSError as error:
        raise InvalidError(f"it cannot be read: {error.strerror or error}") from None
    except (UnreadableJsonError, UnicodeDecodeError) as error:
        raise InvalidError(f"it is no JSON document: {error}") from None
    if not isinstance(document, dict):
        raise InvalidError("it is no JSON object")
    if document.get("trace_id") is not None:
        return raw.removeprefix(codecs.BOM_UTF8)
    document["trace_id"] = f"submitted-{hashlib.sha256(raw).hexdigest()[:32]}"
    return json.dumps(document).encode()


def _faults(problem: PRTelemetryError) -> Iterator[str]:
    """All that is wrong, where a sentence does not hold it."""
    faults = problem.faults if isinstance(problem, InvalidError) else ()
    return (harmless(f"  {'.'.join(map(str, fault.loc))}: {fault.msg}") for fault in faults)


def _give_up_if_hopeless(problem: PRTelemetryError, left: int) -> None:
    """A server that is away, or that does not know the token, is not asked again for every other file."""
    if isinstance(problem, DeniedError | UnavailableError):
        if left:
            click.echo(f"{left} more files were not tried; the same command again goes on from there", err=True)
        raise SystemExit(exit_code_of(problem))
