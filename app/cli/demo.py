"""``demo``: the whole way of a session through a real server, on the bundled project."""

from __future__ import annotations

import io
import json
import secrets
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from app.cli.attachments import Archive, pack_folder, upload
from app.cli.client import Client
from app.errors import PRTelemetryError, SettingsError, UnavailableError

if TYPE_CHECKING:
    from app.settings import Settings

SAMPLE_REPO = Path(__file__).resolve().parents[2] / "sample_repo"
NAMES = ("simple", "complex", "failed", "all", "compare", "judge", "check")
SESSIONS = ("thoughtful-fix", "failed-attempt", "careless-success")
FINE, NOT_FINE = 0, 1
_START_TIMEOUT_S = 30
_SIMPLE, _COMPLEX, _FAILED = "careless-success", "thoughtful-fix", "failed-attempt"


@click.command("demo")
@click.argument("name", required=False, metavar="[NAME]", type=click.Choice(NAMES))
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep the results here. [a new temporary directory]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each session, or for the judge or the check.")
@click.pass_context
def command(context: click.Context, name: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Submit the bundled sessions to a server of their own, finalize them, and show what was found.

    The server listens on a free port of this machine, and only while the demo runs. Without a NAME there is a menu on a
    terminal, and anywhere else all of it is shown.

    \b
    Names:
      simple    a session of seven events that mends the bug without looking at it
      complex   a session of 32 events that finds out what is wrong first
      failed    a session that leaves a failing test
      all       the three, with the report of the complex one
      compare   the complex and the simple one, side by side
      judge     which judge scores the reasoning, and why
      check     everything that there is: the sandbox, the judge, the three verdicts, their seals, the data directory

    \b
    Exit codes:
      0   it was shown; everything is as it should be
      1   check has found something that is not

    \b
    Examples:
      pr-telemetry demo
      pr-telemetry demo complex
      pr-telemetry demo check --json --data-dir demo-data
    """
    if not SAMPLE_REPO.is_dir():
        raise SettingsError(
            "The demo needs the folder sample_repo of a checkout of PR Telemetry; an installed package has none."
        )
    data_dir = data_dir or Path(tempfile.mkdtemp(prefix="pr-telemetry-demo-"))
    has_menu = name is None and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    with _server(data_dir) as client:
        demo = Demo(client, data_dir, as_json=as_json)
        if has_menu:
            _menu(demo)
        else:
            CHOICES[name or "all"].show(demo)
    context.exit(FINE if demo.is_fine else NOT_FINE)


@dataclass
class Demo:
    """A server, and what was found on it so far."""

    client: Client
    data_dir: Path
    as_json: bool = False
    is_fine: bool = True
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    def document(self, name: str) -> dict[str, Any]:
        """The finalized trace of a bundled session. Each is submitted once."""
        if name not in self.found:
            self.client.get("/readyz")  # says in a sentence what is missing
            self.found[name] = _submit(self, name)
        return self.found[name]

    def checks(self) -> Mapping[str, Any]:
        """What the server says of each thing that it needs, whether or not it is there."""
        try:
            checks: Mapping[str, Any] = self.client.get("/readyz")["checks"]
        except UnavailableError as error:
            return cast("Mapping[str, Any]", error.facts["checks"])
        return checks

    def tell(self, text: str) -> None:
        """Say something to a person."""
        if not self.as_json:
            click.echo(text)

    def tell_json(self, document: object) -> None:
        """Say something to a program."""
        if self.as_json:
            click.echo(json.dumps(document, ensure_ascii=False))


def show_one(demo: Demo, name: str) -> None:
    """The timeline and the report of one session."""
    from app.cli.session_document import read_session
    from app.cli.show import session_lines

    document = demo.document(name)
    demo.tell_json(document)
    if not demo.as_json:
        session = read_session(name, io.BytesIO(json.dumps(document).encode()))
        click.echo("\n" + "\n".join(session_lines(session, details=False)))


def show_all(demo: Demo) -> None:
    """The three sessions, with the report of the first."""
    from app.cli.report import render_comparison, render_report

    documents = [demo.document(name) for name in SESSIONS]
    for document in documents:
        demo.tell_json(document)
    demo.tell("\n" + render_report(documents[0]))
    demo.tell("The three bundled sessions side by side:\n\n" + render_comparison(documents))
    demo.tell(_next_steps(demo.data_dir, documents[0]["trace_id"]))


def show_comparison(demo: Demo) -> None:
    """Two sessions side by side."""
    from app.cli.compare import render_side_by_side
    from app.cli.facts import facts_of
    from app.cli.session_document import read_session

    read = [read_session(name, io.BytesIO(json.dumps(demo.document(name)).encode())) for name in (_COMPLEX, _SIMPLE)]
    first, second = map(facts_of, read)
    demo.tell_json({"first": first, "second": second})
    demo.tell("\n" + "\n".join(render_side_by_side(first, second)))


def show_judge(demo: Demo) -> None:
    """Which judge scores the reasoning."""
    rubrics = demo.client.get("/rubrics")
    judge = demo.checks()["judge"]["detail"]
    demo.tell_json({"judge": judge, "rubrics": rubrics["default"]})
    demo.tell(f"Judge: {judge}")
    demo.tell(f"Rubrics: {', '.join(rubrics['default'])}")
    demo.tell("JUDGE, JUDGE_MODEL, JUDGE_RUBRICS and OPENAI_API_KEY decide: docs/howto/configure-the-judge.md")


def show_check(demo: Demo) -> None:
    """Everything that can be checked, one line for each."""
    from app.cli.demo_check import findings

    for finding in findings(demo):
        demo.is_fine = demo.is_fine and finding.is_fine
        demo.tell_json({"what": finding.what, "is_fine": finding.is_fine, "detail": finding.detail})
        state = click.style("ok    ", fg="green") if finding.is_fine else click.style("NOT OK", fg="red")
        demo.tell(f"{state}  {finding.what:<32}  {finding.detail}")


@dataclass(frozen=True)
class Choice:
    """Something that the demo can show."""

    title: str
    show: Callable[[Demo], None]


CHOICES: Mapping[str, Choice] = {
    "simple": Choice("A simple session: mended without looking", lambda demo: show_one(demo, _SIMPLE)),
    "complex": Choice("A complex session: found out first, mended then", lambda demo: show_one(demo, _COMPLEX)),
    "failed": Choice("A failed session: one test goes on failing", lambda demo: show_one(demo, _FAILED)),
    "all": Choice("All three", show_all),
    "compare": Choice("Compare the complex with the simple one", show_comparison),
    "judge": Choice("Which judge is there?", show_judge),
    "check": Choice("Check everything", show_check),
}


def _menu(demo: Demo) -> None:
    """Ask what to show until there is nothing more to ask for."""
    names = list(CHOICES)
    while True:
        click.echo("\nOne bug, three recorded sessions. What shall be shown?\n")
        for number, name in enumerate(names, 1):
            click.echo(f"  {number}  {name:<8} {CHOICES[name].title}")
        click.echo("  q  leave\n")
        try:
            said = click.prompt("Number or name", default="q").strip().lower()
        except click.Abort:
            return
        if said in ("q", "quit", "exit"):
            return
        name = names[int(said) - 1] if said.isdecimal() and 1 <= int(said) <= len(names) else said
        try:
            CHOICES[name].show(demo) if name in CHOICES else click.echo(f"There is no {said}.")
        except PRTelemetryError as error:
            click.echo(error.detail, err=True)


@contextmanager
def _server(data_dir: Path) -> Iterator[Client]:
    from pydantic import SecretStr

    from app.settings import Settings

    token = secrets.token_urlsafe(16)
    settings = Settings(data_dir=data_dir, api_token=SecretStr(token), host="127.0.0.1", port=0, log_level="WARNING")
    with _running(settings) as address:
        yield Client(address, token)


@contextmanager
def _running(settings: Settings) -> Iterator[str]:
    """The address of a server that runs as long as it is needed."""
    import uvicorn

    from app.cli.serve import open_socket, server_config

    with open_socket(settings.host, settings.port) as listening:
        server = uvicorn.Server(server_config(settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="demo-server")
        thread.start()
        try:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            Client(address, "", timeout_s=_START_TIMEOUT_S).get("/health")
            yield address
        finally:
            server.should_exit = True
            thread.join()


def _submit(demo: Demo, name: str) -> dict[str, Any]:
    trace = json.loads((SAMPLE_REPO / "sessions" / f"{name}.json").read_text(encoding="utf-8"))
    demo.tell(f"Submitting {name}: {len(trace['events'])} events …")
    trace_id = demo.client.post("/traces", trace)["trace_id"]
    packed = pack_workspace(SAMPLE_REPO)
    upload(demo.client, trace_id, "workspace", Archive(io.BytesIO(packed), len(packed), "application/gzip"))
    demo.tell("  testing it before and after the fix, judging the reasoning …")
    document: dict[str, Any] = demo.client.post(f"/traces/{trace_id}/finalize", {})
    return document


def pack_workspace(folder: Path) -> bytes:
    """The bundled project as a gzipped tar archive, without its recorded sessions."""
    packed = io.BytesIO()
    pack_folder(folder, packed, leave_out=("sessions",))
    return packed.getvalue()


def _next_steps(data_dir: Path, trace_id: str) -> str:
    document = data_dir / "traces" / f"{trace_id}.json"
    return f"""
The result is one JSON file per trace:
  {document}

Next, for instance:
  python -m json.tool {document} | less
  .venv/bin/python -m app verify {document} --public-key {data_dir}/keys/public/*.pem
  DATA_DIR={data_dir} API_TOKEN=secret .venv/bin/python -m app serve
  curl -H 'Authorization: Bearer secret' http://127.0.0.1:8000/traces/{trace_id}
"""
