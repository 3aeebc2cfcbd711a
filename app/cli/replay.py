"""``replay``: carry sessions out again, and say of each event whether it is as it claims."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic import ValidationError

from app.bootstrap.batches import replay_document, replays_of
from app.cli.client import Client
from app.errors import InvalidError
from app.models.base import STORED
from app.models.replay import Claim, ReplayRequest, ReplayResult
from app.models.trace import TRACE, NewTrace, Trace
from app.qa.base import Tree
from app.qa.replay import ReplayTask
from app.qa.trees import ArchiveTree, FolderTree
from app.qa.workspaces import Workspaces
from app.settings import Settings, load_unchecked_settings
from app.utils.archives import ArchiveLimits

UPHELD, REFUTED, NOT_REPLAYED = 0, 1, 3
_NO_REQUEST = "0" * 64
_PATH = click.Path(path_type=Path, exists=True)

ReplayById = Callable[[str], ReplayResult]


@click.command("replay")
@click.argument("sessions", metavar="ID|FILE…", nargs=-1, required=True)
@click.option("--workspace", type=_PATH, help="Folder or tar archive that the session of a FILE began with.")
@click.option("--final-workspace", type=_PATH, help="Folder or tar archive that it ended with.")
@click.option("--server", metavar="URL", help="Ask this server (with API_TOKEN) instead of reading the data directory.")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="[DATA_DIR, default data]")
@click.option("--test-command", help="What counts as a test run in a terminal, instead of the trace's own command.")
@click.option("--replay-commands", is_flag=True, help="Run other commands again, too, where they are safe and repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each session.")
def command(
    sessions: Sequence[str],
    workspace: Path | None,
    final_workspace: Path | None,
    server: str | None,
    data_dir: Path | None,
    test_command: str | None,
    *,
    replay_commands: bool,
    as_json: bool,
) -> None:
    """Carry sessions out again, edit by edit and test run by test run, and compare each event with what came of it.

    An ID names a trace of the data directory, which no server may be using, or of a --server. A FILE is an exported document or
    a recorded session. What was run once with the same tree is not run again. Nothing is changed.

    \b
    Exit codes:
      0   nothing was refuted
      1   at least one claim was refuted
      3   nothing was refuted, but a session could not be replayed

    \b
    Example:
      pr-telemetry replay sample_repo/sessions/thoughtful-fix.json --workspace sample_repo
    """
    settings = _settings(data_dir)
    request = _request(test_command, replay_commands=replay_commands)
    results: list[ReplayResult] = []
    with _by_id(settings, server, request, needed=any(not _is_file(session) for session in sessions)) as by_id:
        for session in sessions:
            if _is_file(session):
                task = _task(settings, Path(session), workspace, final_workspace, request)
                result = replay_document(settings, task)
            else:
                result = by_id(session)
            results.append(result)
            click.echo(result.model_dump_json() if as_json else _render(result))
    raise SystemExit(max((_code(result) for result in results), key=(UPHELD, NOT_REPLAYED, REFUTED).index))


def _settings(data_dir: Path | None) -> Settings:
    settings = load_unchecked_settings()
    return settings if data_dir is None else settings.model_copy(update={"data_dir": data_dir})


def _request(test_command: str | None, *, replay_commands: bool) -> ReplayRequest:
    try:
        return ReplayRequest(test_command=test_command, replay_commands=replay_commands)
    except ValidationError as error:
        raise InvalidError(error.errors()[0]["msg"]) from None


def _is_file(session: str) -> bool:
    return Path(session).is_file()


@contextmanager
def _by_id(settings: Settings, server: str | None, request: ReplayRequest, *, needed: bool) -> Iterator[ReplayById]:
    """How a trace is replayed that is named by its id."""
    if server is not None:
        token = settings.api_token.get_secret_value() if settings.api_token is not None else ""
        client = Client(server.rstrip("/"), token)
        yield lambda trace_id: _from_server(client, trace_id, request)
    elif needed:
        with replays_of(settings) as replays:
            yield lambda trace_id: replays.submit(trace_id, request).result()
    else:
        yield lambda trace_id: _unknown(trace_id)


def _from_server(client: Client, trace_id: str, request: ReplayRequest) -> ReplayResult:
    answer = client.post(f"/traces/{trace_id}/replay", request.model_dump(exclude_none=True))
    return ReplayResult.model_validate_json(json.dumps(answer))


def _unknown(session: str) -> ReplayResult:
    raise InvalidError(f"{session} is not there")


def _task(
    settings: Settings, path: Path, workspace: Path | None, final_workspace: Path | None, request: ReplayRequest
) -> ReplayTask:
    limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
    workspaces = Workspaces(
        base=_tree(workspace, limits),
        final=_tree(final_workspace, limits),
        origin="the command line",
        problem="no --workspace was given",
    )
    return ReplayTask(_read(path), workspaces, request.test_command, request.replay_commands)


def _tree(path: Path | None, limits: ArchiveLimits) -> Tree | None:
    if path is None:
        return None
    return FolderTree(path) if path.is_dir() else ArchiveTree(lambda: path.open("rb"), path.stat().st_size, limits)


def _read(path: Path) -> Trace:
    """The trace in a file: a stored document, or a session as it is sent."""
    try:
        content = path.read_bytes()
        return TRACE.validate_json(content, context=STORED)
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValidationError:
        return _as_if_stored(path, content)


def _as_if_stored(path: Path, content: bytes) -> Trace:
    try:
        new = NewTrace.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise InvalidError(f"{path} holds no trace: {where}: {first['msg']}") from None
    # as the store reads events: by timestamp, then by arrival
    ordered = sorted(enumerate(new.events, 1), key=lambda numbered: (numbered[1].timestamp, numbered[0]))
    events = tuple(event.model_copy(update={"seq": seq}) for seq, event in ordered)
    return Trace.model_construct(
        trace_id=new.trace_id or path.stem,
        developer_id=new.developer_id,
        start_time=new.start_time,
        repo=new.repo,
        task=new.task,
        events=events,
        created_at=new.start_time,
        request_sha256=_NO_REQUEST,
    )


def _code(result: ReplayResult) -> int:
    if result.replay.counts.refuted:
        return REFUTED
    return NOT_REPLAYED if result.replay.outcome == "not_possible" else UPHELD


def _render(result: ReplayResult) -> str:
    replay, counts = result.replay, result.replay.counts
    found = f"{counts.confirmed} confirmed, {counts.refuted} refuted, {counts.unverifiable} unverifiable"
    runs = f"{replay.runs_executed} runs, {replay.runs_from_cache} known from before"
    lines = [f"trace {result.trace_id}: {replay.outcome.replace('_', ' ')}: {found} ({runs})"]
    if replay.reason is not None:
        lines.append(f"  {replay.reason}")
    lines += [_render_claim(claim) for claim in result.claims]
    lines += [f"  the end beside {end.against}: {end.reason}" for end in replay.ends]
    return "\n".join(lines)


def _render_claim(claim: Claim) -> str:
    name = f"event {claim.seq}" if claim.seq is not None else claim.event_id or "the trace"
    return f"  {claim.status:<12} {name:<10} {claim.kind:<15} {claim.reason}"
