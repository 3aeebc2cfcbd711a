"""Judge the bundled sessions without a language model, and print what came of it as a Markdown table.

``--write`` puts the table between its marks in README.md. Nothing is run, so no event counts as refuted here; a finalize may
know more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.models.judgement import Judgement  # noqa: E402 - found by the line above
from app.models.trace import NewTrace, Trace  # noqa: E402
from app.qa.base import Evidence  # noqa: E402
from app.qa.judge.heuristic import HeuristicJudge  # noqa: E402
from app.qa.judge.rubric import PROCESS, load_rubrics  # noqa: E402
from app.rules.redaction.events import redact_new_trace  # noqa: E402
from app.rules.redaction.policy import RedactionPolicy  # noqa: E402

README = ROOT / "README.md"
SESSIONS = ROOT / "sample_repo" / "sessions"
SAMPLES = ("thoughtful-fix", "failed-attempt", "careless-success")
BEGIN, END = "<!-- judge-samples: begin -->\n", "<!-- judge-samples: end -->"


def main() -> None:
    """Print the table, or put it where it is shown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    if parser.parse_args().write:
        README.write_text(replace_between_marks(README.read_text(encoding="utf-8"), render_samples()), encoding="utf-8")
    else:
        print(render_samples(), end="")


def render_samples() -> str:
    """The bundled sessions, dimension by dimension."""
    judged = [judge_sample(name) for name in SAMPLES]
    return _markdown(
        [
            [f"`{PROCESS}`, 0–5", *(f"`{name}`" for name in SAMPLES)],
            *([f"`{name}`", *(_number(one.dimensions[name].score) for one in judged)] for name in judged[0].dimensions),
            ["**overall**", *(f"**{_number(one.total)}**" for one in judged)],
            ["confidence, 0–1", *(_number(one.confidence) for one in judged)],
            ["flags", *(", ".join(f"`{flag}`" for flag in one.flags) or "–" for one in judged)],
        ]
    )


def judge_sample(name: str) -> Judgement:
    """What the judge that counts says of a bundled session, by the process rubric."""
    new, _ = redact_new_trace(NewTrace.model_validate_json((SESSIONS / f"{name}.json").read_bytes()), RedactionPolicy())
    trace = Trace.model_construct(
        trace_id=new.trace_id or name,
        developer_id=new.developer_id,
        start_time=new.start_time,
        repo=new.repo,
        task=new.task,
        events=tuple(sorted(new.events, key=lambda event: event.timestamp)),
        created_at=new.start_time,
        request_sha256="0" * 64,
    )
    (judgement,) = HeuristicJudge().judge(Evidence(trace), load_rubrics()[PROCESS])
    return judgement


def replace_between_marks(page: str, table: str) -> str:
    """The page with the table between its marks."""
    if BEGIN not in page or END not in page:
        raise SystemExit(f"{README.name} has no marks for the table: {BEGIN.strip()} and {END}")
    head, rest = page.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    return f"{head}{BEGIN}{table}{END}{tail}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(row)} |\n" for row in rows]
    return "".join([head, "|---" * len(rows[0]), "|\n", *body])


if __name__ == "__main__":
    main()
