"""``judge compare``: do two sets of judgements agree?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from app.cli.judgement_csv import PROPERTIES
from app.cli.judgement_json import Choice
from app.cli.judgement_rows import Scale
from app.cli.judgement_sets import JudgementSet, read_set
from app.errors import InvalidError
from app.models.rubric import Rubric
from app.qa.judge.rubric import MAX_LEVELS, MIN_LEVELS, load_rubric, load_rubrics
from app.rules.rubric_contents import SHOWN_DIGITS, ChangedRubric, changed_rubrics
from app.rules.vouching import NamedRubric
from app.utils.atomic import replace_file

if TYPE_CHECKING:
    from app.cli.judge_report import Comparison

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_KIND = click.Choice(["llm", "heuristic", "human"])


@click.command("compare")
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
@click.option("--rubric", "rubric_name", metavar="ID|FILE", help="The rubric: the id of a bundled one, or a TOML file.")
@click.option("--levels", type=click.IntRange(MIN_LEVELS, MAX_LEVELS), help="Number of levels, where there is no rubric.")
@click.option("--a-kind", type=_KIND, help="Only judgements of this kind, on side A.")
@click.option("--b-kind", type=_KIND, help="Only judgements of this kind, on side B.")
@click.option("--a-model", help="Only judgements by this model, on side A.")
@click.option("--b-model", help="Only judgements by this model, on side B.")
@click.option("--a-flag", help="Only judgements with this flag, on side A.")
@click.option("--b-flag", help="Only judgements with this flag, on side B.")
@click.option("--a-version", help="Only by this version of the rubric, or this content (12 digits of its SHA-256), on side A.")
@click.option("--b-version", help="Only by this version of the rubric, or this content (12 digits of its SHA-256), on side B.")
@click.option("--split-by", type=click.Choice(PROPERTIES), multiple=True, help="Compare part by part as well.")
@click.option("--calibrate", is_flag=True, help="Show a monotone map from A's levels to B's, where it helps.")
@click.option("--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw a picture: .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    a: Path,
    b: Path,
    rubric_name: str | None,
    levels: int | None,
    a_kind: str | None,
    b_kind: str | None,
    a_model: str | None,
    b_model: str | None,
    a_flag: str | None,
    b_flag: str | None,
    a_version: str | None,
    b_version: str | None,
    split_by: Sequence[str],
    calibrate: bool,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Compare two sets of judgements: A, usually a judge, with B, usually reviewers.

    A file is CSV (trace_id, dimension, level; score, total, rater, outcome, length, language, agent_model as you have them), or
    JSON: judgements or exported traces, one or many. A and B may be the same file, told apart by --a-kind and --b-kind.

    Needs the extra: pip install 'pr-telemetry[agreement]'

    \b
    Exit codes:
      0   compared, whatever came out
      65  a file does not say what it has to, or the two have no trace in common
      69  the extra is not installed

    \b
    Examples:
      pr-telemetry judge compare judge.csv reviewers.csv --levels 6
      pr-telemetry judge compare traces.jsonl traces.jsonl --rubric reasoning-5 --a-kind llm --b-kind human
    """
    from app.cli.judge_report import compare_sets, render_json, render_text  # without the extra this says so, and --help works

    picture_format = None if picture is None else _picture_format(picture)
    scale = _scale(rubric_name, levels)
    first = read_set(a, scale, Choice("a", a_kind, a_model, a_flag, a_version))
    second = read_set(b, scale, Choice("b", b_kind, b_model, b_flag, b_version))
    if a_version is None or b_version is None:
        _refuse_changed_rubrics(first, second)
    _warn_of_other_contents(scale, first, second)
    comparison = compare_sets(first, second, scale, split_by)
    if as_json:
        click.echo(json.dumps(render_json(comparison, with_calibration=calibrate), ensure_ascii=False))
    else:
        click.echo(render_text(comparison, with_calibration=calibrate))
    if picture is not None and picture_format is not None:
        _draw(comparison, picture, picture_format)


def _scale(rubric_name: str | None, levels: int | None) -> Scale:
    if rubric_name is not None:
        rubric = _rubric(rubric_name)
        if levels not in {None, rubric.scale.levels}:
            raise InvalidError(f"The rubric {rubric.id} has {rubric.scale.levels} levels, not {levels}.")
        return Scale(rubric.scale.levels, rubric)
    if levels is None:
        raise InvalidError("Say on which scale the levels are: --rubric or --levels.")
    return Scale(levels)


def _rubric(name: str) -> Rubric:
    if name.endswith(".toml"):
        return load_rubric(Path(name))
    bundled = load_rubrics()
    if name not in bundled:
        raise InvalidError(f"No rubric has the id {name}; there are {', '.join(bundled)}.")
    return bundled[name]


def _refuse_changed_rubrics(first: JudgementSet, second: JudgementSet) -> None:
    """Whoever names what either side was judged by knows that the two differ."""
    for changed in changed_rubrics(first.rubrics | second.rubrics):
        sides = [f"{side} by sha256 {sha256[:SHOWN_DIGITS]}" for side, sha256 in _contents(changed, first, second)]
        raise InvalidError(
            f"The rubric {changed.id} was changed without a new version: as version {changed.version}, {' and '.join(sides)}. "
            "Compare judgements by one of them, or name both with --a-version SHA256 and --b-version SHA256."
        )


def _contents(changed: ChangedRubric, first: JudgementSet, second: JudgementSet) -> Iterator[tuple[str, str]]:
    for side, judgements in (("A was judged", first), ("B", second)):
        yield from ((side, one.sha256) for one in judgements.rubrics if one.id == changed.id and one.sha256 is not None)


def _warn_of_other_contents(scale: Scale, first: JudgementSet, second: JudgementSet) -> None:
    """Levels that are missing, and totals, come from the rubric of the command line."""
    if scale.rubric is None:
        return
    own = NamedRubric.of(scale.rubric.ref)
    for side, judgements in (("A", first), ("B", second)):
        for one in changed_rubrics([own, *judgements.rubrics]):
            other = next(sha256 for sha256 in one.contents if sha256 != own.sha256)
            click.echo(
                f"Note: {side} was judged by another content of {own} (sha256 {other[:SHOWN_DIGITS]}) "
                f"than --rubric names (sha256 {scale.rubric.sha256[:SHOWN_DIGITS]})",
                err=True,
            )


def _picture_format(picture: Path) -> Literal["png", "svg"]:
    if picture.suffix == ".png":
        return "png"
    if picture.suffix == ".svg":
        return "svg"
    raise InvalidError(f"{picture} is neither .png nor .svg.")


def _draw(comparison: Comparison, picture: Path, picture_format: Literal["png", "svg"]) -> None:
    from app.rules.agreement.picture import render_picture

    content = render_picture(comparison.agreements, comparison.first.name, comparison.second.name, picture_format)
    try:
        replace_file(picture, content)
    except OSError as error:
        raise InvalidError(f"{picture} cannot be written: {error.strerror or error}") from error
