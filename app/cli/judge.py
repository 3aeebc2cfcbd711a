"""``judge``: judge stored traces, many at a time; ``judge compare``: two sets of judgements beside each other."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from app.api.listing import ListParameters, parse_parameters
from app.bootstrap.batches import judging_of
from app.cli.interrupting import INTERRUPTED, two_steps
from app.cli.judge_compare import command as compare
from app.cli.judge_server import ServerDesk
from app.errors import InvalidError, SettingsError
from app.models.base import TraceId
from app.models.judgement import JudgeKind, JudgeMode, JudgeRequest
from app.models.rubric import RubricRef
from app.services.batch_judging import SCORED, Course, Judged, JudgeDesk, Task, Totals, estimate_all, judge_all
from app.services.queries import QueryService
from app.settings import Settings, load_unchecked_settings

ALL_JUDGED, SOME_DECLINED = 0, 1
_TRACE_ID: TypeAdapter[str] = TypeAdapter(TraceId)
_KINDS = ("auto", "llm", "heuristic")
_Item = TypeVar("_Item")


@click.group("judge", invoke_without_command=True)
@click.option("--trace", "traces", metavar="ID", multiple=True, help="Judge this trace; may be given again and again.")
@click.option("--all", "every", is_flag=True, help="Judge every finalized trace.")
@click.option("--query", "queries", metavar="NAME=VALUE", multiple=True, help="Judge what fits, as in GET /traces.")
@click.option("--rubric", "rubrics", metavar="ID", multiple=True, help="By this rubric; may be given again. [JUDGE_RUBRICS]")
@click.option("--kind", type=click.Choice(_KINDS), help="Which judge. [JUDGE]; has to be given with --server")
@click.option("--model", help="Ask this model, or a jury of models with commas between them. [JUDGE_MODEL]")
@click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, help="Traces that are judged at once.")
@click.option("--again", is_flag=True, help="Judge once more what this judge has judged by this rubric already.")
@click.option("--dry-run", is_flag=True, help="Only tell what it would take: requests, tokens, cost. No model is asked.")
@click.option("--server", metavar="URL", help="Work on this server (with API_TOKEN) instead of the data directory.")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="[DATA_DIR, default data]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each trace, and the totals as the last one.")
@click.pass_context
def command(
    context: click.Context,
    traces: tuple[str, ...],
    every: bool,
    queries: tuple[str, ...],
    rubrics: tuple[str, ...],
    kind: JudgeMode | None,
    model: str | None,
    concurrency: int,
    again: bool,
    dry_run: bool,
    server: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Judge finalized traces that are in a data directory or on a server, and keep the judgements with them.

    What this judge has judged by a rubric already is passed over, and what failed is asked for again. So a run that was
    interrupted goes on where it stopped, and no answer is paid for twice. Ctrl-C waits for the traces that are under way;
    a second one does not.

    \b
    Exit codes:
      0   every trace has its scores
      1   some could not be judged, or a judge declined
      130 interrupted by Ctrl-C; what was told is kept

    \b
    Examples:
      pr-telemetry judge --all --rubric process-6 --kind heuristic
      pr-telemetry judge --query verdict=fixed --query repo=till --kind llm --dry-run
      pr-telemetry judge compare humans.csv model.jsonl --rubric process-6
    """
    if context.invoked_subcommand is not None:
        return
    if not (traces or every or queries):
        raise click.UsageError("Say which traces: --all, --query NAME=VALUE or --trace ID.", context)
    if server is not None and kind is None:
        raise click.UsageError("With --server, --kind has to be given: only then is it known what is judged already.", context)
    try:
        request = JudgeRequest(rubrics=rubrics or None, judge=kind, model=model)
        named = [_TRACE_ID.validate_python(name) for name in traces]
    except ValidationError as error:
        raise click.UsageError("; ".join(fault["msg"] for fault in error.errors()), context) from None
    with _desk(server, data_dir, request, concurrency, again=again) as (desk, find, task):
        ids = _chosen(named, every or bool(queries), lambda: find(_parameters(queries)))
        is_interrupted = False
        if dry_run:
            totals = _estimate(desk, ids, task, as_json=as_json)
        else:
            course = Course()
            with two_steps(lambda: _bring_to_an_end(course), lambda: _leave(course)):
                totals = _judge(desk, ids, task, concurrency, course, as_json=as_json)
            is_interrupted = course.is_to_end
    _tell_totals(totals, as_json=as_json, is_estimate=dry_run, not_begun=len(ids) - totals.traces)
    if is_interrupted:
        context.exit(INTERRUPTED)
    declined = sum(count for status, count in totals.statuses.items() if status not in SCORED)
    context.exit(SOME_DECLINED if declined or totals.problems or totals.unscored_before else ALL_JUDGED)


command.add_command(compare)

Find = Callable[[ListParameters], Iterator[str]]
_Desk = tuple[JudgeDesk, Find, Task]


def _desk(
    server: str | None, data_dir: Path | None, request: JudgeRequest, at_once: int, *, again: bool
) -> AbstractContextManager[_Desk]:
    if server is not None:
        return _on_server(server, request, at_once, again=again)
    settings = load_unchecked_settings()
    return _in_directory(settings.model_copy(update={"data_dir": data_dir or settings.data_dir}), request, at_once, again=again)


@contextmanager
def _in_directory(settings: Settings, request: JudgeRequest, at_once: int, *, again: bool) -> Iterator[_Desk]:
    with judging_of(settings, at_once) as stored:
        mode = request.judge or settings.judge
        if mode == "off":
            raise SettingsError("JUDGE is 'off': name a judge with --kind")
        kind: JudgeKind = "heuristic" if mode == "heuristic" or (mode == "auto" and stored.models is None) else "llm"
        rubrics = tuple(rubric.ref for rubric in stored.judging.choose(request.rubrics))
        task = Task(rubrics, request, kind, request.model or stored.models, again)
        yield stored.judging, lambda parameters: _find(stored.queries, parameters), task


@contextmanager
def _on_server(url: str, request: JudgeRequest, at_once: int, *, again: bool) -> Iterator[_Desk]:
    token = load_unchecked_settings().api_token
    with ServerDesk(url, token.get_secret_value() if token is not None else "", at_once) as desk:
        rubrics: tuple[RubricRef, ...] = desk.rubrics(request.rubrics)
        kind: JudgeKind | None = "llm" if request.judge == "llm" else "heuristic" if request.judge == "heuristic" else None
        yield desk, desk.find, Task(rubrics, request, kind, request.model, again)


def _parameters(queries: Iterable[str]) -> ListParameters:
    pairs = [query.partition("=") for query in queries]
    nameless = [query for query, (_, equals, _) in zip(queries, pairs, strict=True) if not equals]
    if nameless:
        raise InvalidError(f"--query takes NAME=VALUE, not {nameless[0]!r}")
    given = [(name, value) for name, _, value in pairs]
    taken = {name for name, _ in given} & {"status", "cursor", "limit", "sort"}
    if taken:
        raise InvalidError(f"--query does not take {', '.join(sorted(taken))}: finalized traces are judged, all that fit")
    return parse_parameters([*given, ("status", "finalized"), ("sort", "created_at"), ("limit", "200")])


def _find(queries: QueryService, parameters: ListParameters) -> Iterator[str]:
    query = parameters.query()
    while True:
        page = queries.find(query)
        yield from (summary.trace_id for summary in page.items)
        if page.next_cursor is None:
            return
        query = query.model_copy(update={"cursor": page.next_cursor})


def _chosen(traces: Sequence[str], has_query: bool, found: Callable[[], Iterator[str]]) -> list[str]:
    """Ids alone are small; with all of them at hand the progress has an end."""
    return list(dict.fromkeys([*traces, *(found() if has_query else ())]))


def _bring_to_an_end(course: Course) -> str:
    course.is_to_end = True
    awaited = f"{course.under_way} under way {'is' if course.under_way == 1 else 'are'} awaited"
    return f"Interrupted: no more traces are begun, {awaited}; Ctrl-C again leaves at once"


def _leave(course: Course) -> str:
    left = f"{course.under_way} traces under way are left" if course.under_way != 1 else "1 trace under way is left"
    return f"Interrupted: {left}; what was put aside for them stays spent, and the next run asks for them again"


def _judge(desk: JudgeDesk, ids: Sequence[str], task: Task, at_once: int, course: Course, *, as_json: bool) -> Totals:
    totals = Totals()
    with _progress(judge_all(desk, ids, task, at_once, course), len(ids)) as judged:
        for one in judged:
            totals.add(one)
            _tell(one, as_json=as_json)
    return totals


def _estimate(desk: JudgeDesk, ids: Sequence[str], task: Task, *, as_json: bool) -> Totals:
    totals = Totals()
    with _progress(estimate_all(desk, ids, task), len(ids)) as found:
        for one, estimates in found:
            totals.add(one)
            for estimate in estimates:
                totals.expect(estimate)
            if as_json:
                told = [estimate.model_dump(mode="json") for estimate in estimates]
                click.echo(json.dumps({"trace_id": one.trace_id, "problem": one.problem, "estimates": told}))
            elif one.problem is not None:
                _tell(one, as_json=False)
    return totals


def _progress(items: Iterator[_Item], length: int) -> AbstractContextManager[Iterable[_Item]]:
    """The items, with a bar on the terminal of errors; results go to standard output, and may be piped elsewhere."""
    if not sys.stderr.isatty() or "NO_PROGRESS" in os.environ:
        return nullcontext(items)
    return click.progressbar(items, length=length, file=sys.stderr, show_pos=True, show_eta=True)


def _tell(judged: Judged, *, as_json: bool) -> None:
    if as_json:
        told = [judgement.model_dump(mode="json") for judgement in judged.judgements]
        document = {"trace_id": judged.trace_id, "was_done": judged.was_done, "problem": judged.problem, "judgements": told}
        click.echo(json.dumps(document))
        return
    if judged.problem is not None:
        click.echo(f"{judged.trace_id}: {judged.problem}", err=True)
    for judgement in judged.judgements:
        score = "no score" if judgement.total is None else f"{judgement.total:.2f}"
        why = f"({judgement.reason})" if judgement.reason else ""
        review = "needs review" if judgement.needs_review else ""
        words = (judged.trace_id, judgement.rubric.id, judgement.judge.kind, judgement.status, score, review, why)
        click.echo("  ".join(filter(None, words)))


def _tell_totals(totals: Totals, *, as_json: bool, is_estimate: bool, not_begun: int) -> None:
    if as_json:
        click.echo(json.dumps({"totals": {**asdict(totals), "is_estimate": is_estimate, "not_begun": not_begun}}))
        return
    made = ", ".join(f"{count} {status}" for status, count in sorted(totals.statuses.items())) or "none"
    cost = "not known: a model has no price" if totals.cost is None else f"{totals.cost:.4f}"
    said = "at most" if is_estimate else "taken"
    passed_over = f"{totals.done_before} were judged already, {totals.problems} could not be judged"
    click.echo(f"{totals.traces} traces: {passed_over}", err=True)
    if not_begun:
        click.echo(f"{not_begun} more were not begun; the same command goes on with them", err=True)
    if not is_estimate:
        click.echo(f"judgements: {made}", err=True)
    click.echo(
        f"{said}: {totals.requests} requests, {totals.prompt_tokens} tokens in, {totals.completion_tokens} out, "
        f"{totals.cached_samples} answers from the cache; cost {cost}",
        err=True,
    )
