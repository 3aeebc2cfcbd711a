"""``record``: a session of fixing a bug, taken down beside any editor."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from app.errors import InvalidError, PRTelemetryError, UnavailableError
from app.models.recording import StructuredNote
from app.models.trace import Consent
from app.recorder.bundle import forget_unpacked, receipt_of, unpacked, write_bundle
from app.recorder.delivery import Delivery, Verdict, deliver, wait_for_verdict
from app.recorder.output import KeptOutput
from app.recorder.recording import Beginning, Recording, Started, begin_recording, find_active, find_recording
from app.recorder.runs import Stopwatch, cwd_within, environment_of
from app.recorder.terminal import STDERR, STDOUT, run_command
from app.recorder.watcher import ensure_watcher, watch, watcher_pid
from app.utils.atomic import create_file

_NOTE_PARTS = tuple(StructuredNote.model_fields)
_QUESTIONS = {
    "rationales": "your notes (plans, hypotheses, decisions)",
    "commands": "the commands that you run through the recorder, and what they print",
    "snapshots": "the whole tree of files at the beginning and at the end",
}
_HTTP = ("http://", "https://")


class _InOrder(click.Group):
    """Lists its commands in the order in which a session needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)


@click.group("record", cls=_InOrder)
def command() -> None:
    """Record a session of fixing a bug, beside any editor.

    \b
    In a git work tree:
      pr-telemetry record start --task "Renewed entries expire too early" --test-command "python -m pytest -q"
      pr-telemetry record run -- python -m pytest -q
      pr-telemetry record note --hypothesis "The old deadline stays in the queue."
      pr-telemetry record stop --finalize

    What is saved becomes edits, what is committed commits. Ignored files stay out, and secrets are replaced before anything is
    written down. Without a server, or while it cannot be reached, everything waits on this machine.
    """


@command.command("start")
@click.option("--task", required=True, help="What is to be done, in one line.")
@click.option("--task-id", help="The bug's id. [the task's title]")
@click.option("--description", help="What is to be done, at length.")
@click.option("--test-command", help="The command that runs the tests.")
@click.option("--known-failing", multiple=True, metavar="TEST", help="A test that fails because of the bug; may be repeated.")
@click.option("--participant", help="Who works. [the name of the user]")
@click.option("--server", metavar="URL", help="Where the session goes (with API_TOKEN). Without it, to a file.")
@click.option("--consent", multiple=True, type=click.Choice([*Consent.model_fields, "none"]),
              help="What may be recorded; may be repeated. [asked]")  # fmt: skip
@click.option("--redaction", default="default", show_default=True, metavar="POLICY", help="Which secrets are replaced.")
@click.option("--foreground", is_flag=True, help="Watch in this terminal instead of in the background.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def start(*, task: str, consent: tuple[str, ...], server: str | None, foreground: bool, as_json: bool, **given: Any) -> None:
    """Take the tree as it is, and begin to record."""
    if server is not None and not server.startswith(_HTTP):
        raise click.UsageError("--server is an address such as http://127.0.0.1:8000")
    token = os.environ.get("API_TOKEN")
    if server is not None and not token:
        raise click.UsageError("the server's token is expected in API_TOKEN")
    beginning = Beginning(
        task_title=task,
        consent=_consent(consent),
        task_id=given["task_id"],
        task_description=given["description"],
        test_command=given["test_command"],
        known_failing_tests=given["known_failing"],
        participant_id=given["participant"],
        redaction=given["redaction"],
        server=server,
        api_token=token if server is not None else None,
    )
    recording, started = begin_recording(Path.cwd(), beginning)
    click.echo(json.dumps({"folder": str(recording.folder.path), **asdict(started)}) if as_json else _told(recording, started))
    if foreground:
        click.echo("watching; Ctrl-C ends the watching, not the recording", err=True)
        with suppress(KeyboardInterrupt):
            watch(recording.folder.root)
    else:
        ensure_watcher(recording)


@command.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("argv", metavar="-- CMD…", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; what the command prints goes to standard error.")
@click.pass_context
def run(context: click.Context, argv: tuple[str, ...], *, as_json: bool) -> None:
    """Run a command, and record it with its exit code, duration and output.

    What it prints comes through unchanged, and its exit code is that of this command. Options of this command stand before
    the command that is run.
    """
    recording = find_active(Path.cwd())
    with _never_in_the_way():
        recording.look()
        ensure_watcher(recording)
    kept, event_id = KeptOutput(), None
    with recording.runs.begun(argv, cwd_within(recording.folder.root, Path.cwd())) as begun:
        stopwatch = Stopwatch()
        exit_code = run_command(argv, environment_of(begun, recording.folder), kept, STDERR if as_json else STDOUT)
        duration_s = stopwatch.elapsed_s()
        with _never_in_the_way():
            if recording.runs.end(begun, exit_code, duration_s, kept):
                event_id = begun.run_id
            recording.look()
    if as_json:
        ended = {"exit_code": exit_code, "duration_ms": round(duration_s * 1000), "output_bytes": kept.total_bytes}
        click.echo(json.dumps({"event_id": event_id, **ended}))
    context.exit(exit_code)


@command.command("note")
@click.argument("text", required=False)
@click.option("--plan", help="What you are going to do.")
@click.option("--hypothesis", help="What you think is the cause.")
@click.option("--observation", help="What you saw.")
@click.option("--decision", help="What you decided, and why.")
@click.option("--next-step", help="What comes next.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def note(*, text: str | None, as_json: bool, **parts: str | None) -> None:
    """Write a thought down. Without any words, each part is asked for; "-" reads standard input."""
    recording = find_active(Path.cwd())
    if text == "-":
        text = sys.stdin.read()
    elif text is None and not any(parts.values()):
        parts, text = _asked_note(asks_on_stderr=as_json)
    recording.look()
    event_id = recording.note(StructuredNote(**{name: value for name, value in parts.items() if value}), text)
    ensure_watcher(recording)
    if as_json:
        click.echo(json.dumps({"event_id": event_id}))


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """Say what was recorded, what of it is sent, and what stands in the way."""
    recording = find_recording(Path.cwd())
    if recording.session.stopped_at is None:
        recording.look()
        ensure_watcher(recording)
    found = _status(recording)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else _render_status(found))


@command.command("stop")
@click.option("--finalize", is_flag=True, help="Wait for the server's checks, and print the verdict.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the session to this file; send nothing.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=120.0, show_default=True,
              help="How long to try to send, and then to wait for the checks, in seconds.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def stop(*, finalize: bool, out: Path | None, timeout_s: float, as_json: bool) -> None:
    """End the recording: take the final tree, send what is left, complete the session.

    What cannot be sent stays here, and the same command again goes on from there. A recording without a server needs --out.

    \b
    Exit codes:
      0   the session is on the server, or in the file
      69  the server cannot be reached, or did not answer in time
    """
    if out is not None and finalize:
        raise click.UsageError("--finalize asks a server, and --out writes a file instead")
    recording = find_recording(Path.cwd())
    if out is None and recording.session.server is None:
        raise click.UsageError("this recording has no server: name a file with --out, for 'record submit'")
    recording.stop()
    if out is not None:
        write_bundle(recording, out.absolute())
        recording.drop()
        said = f"the session is in {out}; 'pr-telemetry record submit {out} --server URL' sends it"
        click.echo(json.dumps({"file": str(out)}) if as_json else said)
        return
    _use_token(recording)
    _require_complete(deliver(recording, timeout_s, _complain), "'record stop' again goes on from there")
    ended = _conclude(recording, timeout_s if finalize else None)
    recording.drop()
    click.echo(json.dumps(ended.as_json()) if as_json else ended.render())


@command.command("submit")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--server", metavar="URL", required=True, help="Where the session goes (with API_TOKEN).")
@click.option("--finalize", is_flag=True, help="Wait for the server's checks, and print the verdict.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=120.0, show_default=True,
              help="How long to try to send, and then to wait for the checks, in seconds.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def submit(file: Path, *, server: str, finalize: bool, timeout_s: float, as_json: bool) -> None:
    """Send a session that 'record stop --out' wrote. The same file again is sent once.

    \b
    Exit codes:
      0   the session is on the server
      65  the file is no recording
      69  the server cannot be reached, or did not answer in time
    """
    receipt = receipt_of(file)
    if receipt.exists():
        kept = receipt.read_text("utf-8").strip()
        click.echo(kept if as_json else f"{file} was submitted already: {kept}")
        return
    with unpacked(file, server, os.environ.get("API_TOKEN")) as recording:
        _require_complete(deliver(recording, timeout_s, _complain), "the same command again goes on from there")
        ended = _conclude(recording, timeout_s if finalize else None)
    create_file(receipt, f"{json.dumps(ended.as_json())}\n".encode())
    forget_unpacked(file)
    click.echo(json.dumps(ended.as_json()) if as_json else ended.render())


@command.command("abort")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def abort(*, yes: bool, as_json: bool) -> None:
    """Drop the recording: remove everything of it from this machine. What a server has of it stays there, uncompleted."""
    recording = find_recording(Path.cwd())
    trace_id = recording.folder.load_remote().trace_id
    if not yes:
        click.confirm("Remove everything that was recorded here?", abort=True, err=as_json)
    recording.drop()
    if as_json:
        click.echo(json.dumps({"folder": str(recording.folder.path), "trace_id": trace_id, "server": recording.session.server}))
        return
    click.echo("the recording is gone" + (f"; trace {trace_id} stays on the server until deleted there" if trace_id else ""))


def _consent(given: tuple[str, ...]) -> Consent:
    if "none" in given and len(given) > 1:
        raise click.UsageError("--consent none stands alone")
    if given:
        return Consent(**{name: name in given for name in Consent.model_fields})
    if not sys.stdin.isatty():
        raise click.UsageError("say with --consent what may be recorded (rationales, commands, snapshots, or none)")
    click.echo("What is saved in this work tree is recorded, except for ignored files. May also be recorded:")
    return Consent(**{name: click.confirm(f"  {_QUESTIONS[name]}?") for name in Consent.model_fields})


def _asked_note(*, asks_on_stderr: bool) -> tuple[dict[str, str | None], str | None]:
    if not sys.stdin.isatty():
        raise InvalidError("the note is empty; give it as an argument, in options such as --hypothesis, or as - on its input")
    click.echo("Leave empty what there is nothing to say of.", err=asks_on_stderr)
    parts: dict[str, str | None] = {}
    for name in _NOTE_PARTS:
        parts[name] = _asked(name.replace("_", " "), on_stderr=asks_on_stderr)
    text = _asked("anything else", on_stderr=asks_on_stderr)
    return parts, text


def _asked(what: str, *, on_stderr: bool) -> str | None:
    said: str = click.prompt(f"  {what}", default="", show_default=False, err=on_stderr)
    return said.strip() or None


def _told(recording: Recording, started: Started) -> str:
    lines = [f"recording: {recording.session.task_title} ({started.num_files} files)"]
    if started.num_changed:
        lines.append(f"  {started.num_changed} changes against the last commit are its first events")
    if started.num_with_secrets:
        lines.append(f"  secrets are replaced in {started.num_with_secrets} files; tests that need them fail in the checks")
    if started.num_unnameable:
        lines.append(f"  {started.num_unnameable} files are left out: no trace can hold their names")
    if recording.session.server is None:
        lines.append("  no server is named: 'record stop --out FILE' writes the session to a file")
    return "\n".join(lines)


def _status(recording: Recording) -> dict[str, Any]:
    session, remote = recording.folder.load_session(), recording.folder.load_remote()
    counts = Counter(written.event["type"] for written in recording.outbox.read())
    pending = recording.plan.pending(remote.acknowledged)
    return {
        "task": session.task_title,
        "state": "recording" if session.stopped_at is None else "stopped",
        "minutes": round((time.time() - session.started_at) / 60),
        "watcher": watcher_pid(recording),
        "consent": session.consent.model_dump(),
        "events": dict(sorted(counts.items())),
        "server": session.server,
        "trace_id": remote.trace_id,
        "sent": sum(counts.values()) - pending,
        "pending": pending,
        "uploaded": list(remote.uploaded),
        "problem": remote.problem,
        "warnings": list(remote.warnings),
    }


def _render_status(found: dict[str, Any]) -> str:
    events = ", ".join(f"{count} {kind}" for kind, count in found["events"].items()) or "nothing yet"
    refused = [name for name, is_given in found["consent"].items() if not is_given]
    lines = [f"{found['state']}: {found['task']}, since {found['minutes']} minutes", f"  recorded: {events}"]
    if refused:
        lines.append(f"  not recorded, as agreed: {', '.join(refused)}")
    if found["server"] is None:
        lines.append("  no server is named: 'record stop --out FILE' writes the session to a file")
    else:
        trace = f"trace {found['trace_id']}" if found["trace_id"] else "not begun there yet"
        lines.append(f"  {found['server']}: {trace}, {found['sent']} events sent, {found['pending']} wait")
    lines += [f"  {problem}" for problem in (found["problem"], *found["warnings"]) if problem]
    return "\n".join(lines)


def _use_token(recording: Recording) -> None:
    """A session that has not begun on the server yet begins with the token that is there now."""
    token, remote = os.environ.get("API_TOKEN"), recording.folder.load_remote()
    if token and remote.trace_id is None:
        recording.folder.save_remote(remote.model_copy(update={"api_token": token}))


def _require_complete(delivery: Delivery, what_then: str) -> None:
    if not delivery.is_complete:
        problem = delivery.problem or "there was no time"
        raise UnavailableError(f"the session is not sent: {problem}. Nothing is lost; {what_then}")


@dataclass(frozen=True)
class _Ended:
    """A session that is on a server."""

    trace_id: str | None
    server: str | None
    verdict: Verdict | None
    """``None``: nobody waited for it."""

    def as_json(self) -> dict[str, Any]:
        found = self.verdict
        checks = {} if found is None else {"verdict": found.verdict, "reason": found.reason, "claims": found.claims}
        return {"trace_id": self.trace_id, "server": self.server, **checks}

    def render(self) -> str:
        lines = [f"trace {self.trace_id} is complete: {self.server}/traces/{self.trace_id}"]
        if self.verdict is not None:
            claims = ", ".join(f"{count} {status}" for status, count in sorted(self.verdict.claims.items())) or "none"
            lines += [f"verdict: {self.verdict.verdict or 'none'}: {self.verdict.reason}", f"claims: {claims}"]
        return "\n".join(lines)


def _conclude(recording: Recording, timeout_s: float | None) -> _Ended:
    """What a session has come to, with its verdict where there is a time to wait for it."""
    session, remote = recording.folder.load_session(), recording.folder.load_remote()
    for warning in remote.warnings:
        _complain(warning)
    verdict = wait_for_verdict(recording, timeout_s) if timeout_s is not None else None
    if timeout_s is not None and verdict is None:
        raise UnavailableError(f"the checks of trace {remote.trace_id} are not over; the same command asks again")
    return _Ended(remote.trace_id, session.server, verdict)


def _complain(problem: str) -> None:
    click.echo(problem, err=True)


@contextmanager
def _never_in_the_way() -> Iterator[None]:
    """What goes wrong in the recorder is told, and the command is run all the same."""
    try:
        yield
    except (PRTelemetryError, OSError, ValueError) as error:
        _complain(f"pr-telemetry: not recorded: {error}")
