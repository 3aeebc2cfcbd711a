"""``import``: sessions that other tools recorded, out of files and folders."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

import click
from pydantic import ValidationError

from app.bootstrap.batches import imports_into
from app.bootstrap.exchanges import intake_of
from app.cli.client import Client
from app.errors import ConflictError, Fault, InvalidError, NotFoundError, PRTelemetryError, SettingsError
from app.formats.base import ReadOptions, ReadSession
from app.formats.errors import FormatError, UnknownFormatError, UnreadableSourceError
from app.formats.pieces.folders import is_conversation, join_conversation
from app.formats.registry import FORMATS
from app.formats.source import Source
from app.formats.swe_bench import instances_of
from app.models.trace import Consent, Repo
from app.services.exchange import Imported, ImportRequest, Keep, Kept, import_sessions, screen_session
from app.services.intake import Intake
from app.settings import Settings, load_unchecked_settings
from app.utils.atomic import create_file

IMPORTED, SOME_FAILED, NONE_IMPORTED = 0, 1, 65
_KINDS = tuple(Consent.model_fields)
_SHOWN_LOSSES = 3
_PATH = click.Path(path_type=Path, exists=True)
_LONGEST_DEVELOPER = 128
_CLEAR_LINE = "\r\x1b[2K"


@click.command("import")
@click.argument("paths", metavar="FILE|FOLDER…", nargs=-1, required=True, type=_PATH)
@click.option("--format", "format_name", type=click.Choice([found.name for found in FORMATS]), help="[told by the content]")
@click.option("--dry-run", is_flag=True, help="Report what would be imported and what would be lost, and store nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each file.")
@click.option("--repo-name", help="Name of the repository, where a file does not state it.")
@click.option("--repo-url", help="Its address.")
@click.option("--branch", help="The branch that was worked on.")
@click.option("--commit-before", help="The commit that the session began with.")
@click.option("--commit-after", help="The commit that it ended with.")
@click.option("--test-command", help="The command that runs its tests.")
@click.option("--allow-missing", is_flag=True, help="Import although facts about the repository stay unknown.")
@click.option("--developer-id", help="Who worked. [the name of the agent]")
@click.option("--consent", multiple=True, type=click.Choice([*_KINDS, "none"]), help="What may be kept. [everything]")
@click.option("--folder", help="Working directory of sessions whose file does not name it.")
@click.option("--start-time", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"]),
              help="When a session began whose file has no clock.")  # fmt: skip
@click.option("--instances", type=_PATH, help="SWE-bench instances, for predictions that come without them.")
@click.option("--no-derived", is_flag=True, help="Test runs and commits in a terminal yield no events of their own.")
@click.option("--sidechains", is_flag=True, help="Import sub-agents with their session.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write trace documents here instead of storing.")
@click.option("--server", metavar="URL", help="Submit to this server (with API_TOKEN) instead of storing.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="[DATA_DIR, default data]")
def command(paths: Sequence[Path], *, as_json: bool, **given: Any) -> None:
    """Import sessions that other tools recorded. The same file again changes nothing.

    Of a folder, every file in it is tried; files that are of no known format are passed over. Secrets are replaced before
    anything is stored, written or sent.

    \b
    Exit codes:
      0   everything was imported, or was there already
      1   some sessions or files were not
      65  nothing was

    \b
    Example:
      pr-telemetry import rollout.jsonl --repo-name till --repo-url https://example.org/till.git --branch main \\
        --commit-before 8f0f4d5 --commit-after c1d2e3f --test-command "python -m pytest -q"
    """
    request = _request(given)
    codes: Counter[bool] = Counter()
    with _keeping(given) as keep, _progress(list(_inputs(paths))) as inputs:
        for each in inputs:
            report = _import(each, request, keep)
            codes.update(report.outcomes())
            if report.is_told:
                _clear_bar()
                click.echo(json.dumps(report.as_json(), ensure_ascii=False) if as_json else report.render())
    raise SystemExit(SOME_FAILED if codes[True] and codes[False] else IMPORTED if codes[True] else NONE_IMPORTED)


@dataclass(frozen=True)
class _Input:
    """A file, or a folder that is one session."""

    path: Path
    is_named: bool
    """Named on the command line, rather than found in a folder."""


@dataclass(frozen=True)
class _Report:
    """What became of one file."""

    path: Path
    sessions: tuple[Imported, ...]
    error: PRTelemetryError | None = None
    was_passed_over: bool = False

    @property
    def is_told(self) -> bool:
        return not self.was_passed_over or bool(self.sessions)

    def outcomes(self) -> Iterator[bool]:
        """Of every session, and of the file as a whole where it failed: is it imported?"""
        yield from (session.error is None for session in self.sessions)
        if self.error is not None and not self.was_passed_over:
            yield False

    def as_json(self) -> dict[str, Any]:
        problem = None if self.error is None else {"code": self.error.code, "detail": self.error.detail}
        return {"file": str(self.path), "sessions": [session.as_json() for session in self.sessions], "problem": problem}

    def render(self) -> str:
        lines = [_render(self.path, session) for session in self.sessions]
        if self.error is not None:
            lines.append(f"{self.path}: {self.error.detail}")
        return "\n".join(lines)


def _render(path: Path, session: Imported) -> str:
    if session.error is not None:
        return f"{path}: {session.trace_id}: not imported: {session.error.detail}{_advice(session)}"
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(session.events.items())) or "no events"
    lines = [f"{path}: {session.trace_id}: {session.status.replace('_', ' ')}: {counts}"]
    if session.artifacts:
        lines.append(f"  with {', '.join(session.artifacts)}")
    if session.missing:
        lines.append(f"  not stated: the repository's {', '.join(session.missing)}")
    losses = sorted(session.losses, key=lambda loss: -loss.count)
    lines += [f"  left out: {loss.count} {loss.kind} ({loss.reason})" for loss in losses[:_SHOWN_LOSSES]]
    if len(losses) > _SHOWN_LOSSES:
        lines.append(f"  and {len(losses) - _SHOWN_LOSSES} more kinds; --json lists all")
    return "\n".join(lines)


def _advice(session: Imported) -> str:
    if session.error is None or session.error.code != "missing_facts":
        return ""
    options = " ".join(f"--{'repo-' if name in ('name', 'url') else ''}{name.replace('_', '-')}" for name in session.missing)
    return f". State it with {options}, or import without with --allow-missing"


def _request(given: dict[str, Any]) -> ImportRequest:
    facts = ("branch", "commit_before", "commit_after", "test_command")
    stated = {"name": given["repo_name"], "url": given["repo_url"], **{name: given[name] for name in facts}}
    try:
        repo = Repo(**{name: value for name, value in stated.items() if value is not None})
    except ValidationError as error:
        faults = [Fault(tuple(fault["loc"]), fault["msg"]) for fault in error.errors(include_input=False)]
        raise InvalidError("; ".join(f"{fault.loc[0]}: {fault.msg}" for fault in faults), faults) from None
    developer_id: str | None = given["developer_id"]
    if developer_id is not None and not 1 <= len(developer_id) <= _LONGEST_DEVELOPER:
        raise InvalidError(f"A developer's id has 1 to {_LONGEST_DEVELOPER} characters")
    start_time: datetime | None = given["start_time"]
    options = ReadOptions(
        repo=repo,
        developer_id=developer_id,
        consent=Consent(**{kind: kind in given["consent"] for kind in _KINDS}) if given["consent"] else None,
        folder=given["folder"],
        start_time=start_time,
        derive=not given["no_derived"],
        sidechains=given["sidechains"],
    )
    if given["instances"] is not None:
        with _opened(given["instances"]) as source:
            options = replace(options, instances=instances_of(source))
    return ImportRequest(given["format_name"], options, given["dry_run"], given["allow_missing"])


@contextmanager
def _keeping(given: dict[str, Any]) -> Iterator[Keep]:
    """Where sessions go."""
    settings = load_unchecked_settings()
    if given["out"] is not None and given["server"] is not None:
        raise SettingsError("--out and --server exclude each other")
    if given["dry_run"]:
        yield _keep_nothing
    elif given["out"] is not None:
        yield _Folder(given["out"], intake_of(settings)).keep
    elif given["server"] is not None:
        token = settings.api_token.get_secret_value() if settings.api_token is not None else ""
        yield _Server(Client(given["server"].rstrip("/"), token), intake_of(settings)).keep
    else:
        with imports_into(_with_data_dir(settings, given["data_dir"])) as imports:
            yield imports.store


def _keep_nothing(_: ReadSession) -> Kept:
    return Kept(is_new=False)


def _with_data_dir(settings: Settings, data_dir: Path | None) -> Settings:
    return settings if data_dir is None else settings.model_copy(update={"data_dir": data_dir})


class _Folder:
    """Writes documents as files: the trace as ``POST /traces`` takes it, and its artifacts beside it."""

    def __init__(self, folder: Path, intake: Intake) -> None:
        self._folder = folder
        self._intake = intake

    def keep(self, session: ReadSession) -> Kept:
        """See ``Keep``.

        Raises:
            ConflictError: a file is there, and is another one.
        """
        screened = screen_session(session, self._intake)
        self._folder.mkdir(parents=True, exist_ok=True)
        # the pattern of the id lets none leave the folder
        name = str(screened.trace.trace_id)
        is_new = self._write(f"{name}.json", screened.trace.model_dump_json(exclude_unset=True, indent=1).encode())
        for artifact_name, artifact in screened.artifacts.items():
            is_new = self._write(f"{name}.{artifact_name}", artifact.content) or is_new
        return Kept(is_new, screened.redactions)

    def _write(self, name: str, content: bytes) -> bool:
        path = self._folder / name
        if path.exists():
            if path.read_bytes() != content:
                raise ConflictError(f"{path} is there, and is another one; nothing was overwritten")
            return False
        create_file(path, content)
        return True


class _Server:
    """Submits to a server: trace, then artifacts."""

    def __init__(self, client: Client, intake: Intake) -> None:
        self._client = client
        self._intake = intake

    def keep(self, session: ReadSession) -> Kept:
        """See ``Keep``."""
        screened = screen_session(session, self._intake)
        trace_id = screened.trace.trace_id
        known = self._known(str(trace_id))
        self._client.post("/traces", json.loads(screened.trace.model_dump_json(exclude_unset=True)))
        for name, artifact in screened.artifacts.items():
            where = f"/traces/{trace_id}/artifacts/{name}?{urlencode({'kind': artifact.kind})}"
            self._client.put(where, artifact.content, artifact.media_type)
        return Kept(not known, screened.redactions)

    def _known(self, trace_id: str) -> bool:
        try:
            self._client.get(f"/traces/{trace_id}/events?limit=1")
        except NotFoundError:
            return False
        return True


def _inputs(paths: Iterable[Path]) -> Iterator[_Input]:
    """Every file, in order of its name; links are followed only where they are named."""
    for path in paths:
        if path.is_file() or is_conversation(path):
            yield _Input(path, is_named=True)
        else:
            yield from (_Input(found, is_named=False) for found in _below(path))


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir() and not is_conversation(path):
            yield from _below(path)
        elif path.is_file() or path.is_dir():
            yield path


@contextmanager
def _opened(path: Path) -> Iterator[Source]:
    try:
        file: BinaryIO = join_conversation(path) if path.is_dir() else path.open("rb")
    except OSError as error:
        raise UnreadableSourceError(str(path), str(error.strerror or error)) from None
    with file:
        yield Source(str(path), file)


def _import(each: _Input, request: ImportRequest, keep: Keep) -> _Report:
    done: list[Imported] = []
    try:
        with _opened(each.path) as source:
            for session in import_sessions(source, request, keep):
                done.append(session)
    except FormatError as error:
        passed = not each.is_named and isinstance(error, UnknownFormatError | UnreadableSourceError) and not done
        return _Report(each.path, tuple(done), error, was_passed_over=passed)
    except OSError as error:
        return _Report(each.path, tuple(done), UnreadableSourceError(str(each.path), str(error.strerror or error)))
    return _Report(each.path, tuple(done))


def _clear_bar() -> None:
    """A report begins where the bar does."""
    if sys.stderr.isatty():
        click.echo(_CLEAR_LINE, nl=False, err=True)


def _progress(inputs: list[_Input]) -> AbstractContextManager[Iterable[_Input]]:
    """A bar on a terminal, where there is more than one file."""
    if len(inputs) > 1 and sys.stderr.isatty():
        return click.progressbar(inputs, label="importing", file=sys.stderr)
    return nullcontext(inputs)
