"""Finding traces over HTTP."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from app.api.dependencies import Services
from app.api.problems import describe_faults
from app.api.schemas import problems
from app.api.security import require_token
from app.errors import Fault, InvalidError
from app.models.qa import Verdict
from app.models.query import DEFAULT_PAGE, MAX_PAGE, MAX_TEXT_CHARACTERS, EventType, Name, Score, TraceQuery, TraceSummary
from app.models.trace import Status
from app.utils.clock import in_zone

router = APIRouter(prefix="/traces", tags=["traces"], dependencies=[Depends(require_token)], responses=problems(401, 422, 503))

_DATE = re.compile(r"^\d{4}-\d\d-\d\d")
_LOST_PLUS = re.compile(r"(T\d\d:?\d\d(?::?\d\d(?:\.\d+)?)?) (\d\d:?\d\d)$")
Sort = Literal[
    "created_at", "-created_at", "start_time", "-start_time", "score", "-score",
    "num_events", "-num_events", "duration", "-duration",
]  # fmt: skip


def _as_moment(text: object) -> object:
    if not isinstance(text, str) or _DATE.match(text) is None:
        raise PydanticCustomError("not_a_date", "Send a date or a time of ISO 8601, such as 2026-03-02T09:00:00Z")
    # '+' in an address stands for a space; whoever wrote +01:00 there meant the plus
    return _LOST_PLUS.sub(r"\1+\2", text)


Moment = Annotated[datetime, BeforeValidator(_as_moment)]


class ListParameters(BaseModel):
    """The parameters of ``GET /traces``, as they stand in the address."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    developer_id: Name | None = Field(None, description="Exactly this developer", examples=["dev-17"])
    bug_id: Name | None = Field(None, description="Exactly this bug", examples=["BUG-42"])
    repo: Name | None = Field(None, description="Exactly this name of a repository", examples=["till"])
    status: Status | None = Field(None, description="How far the trace is", examples=["finalized"])
    verdict: Verdict | None = Field(None, description="What the re-run of the tests showed", examples=["fixed"])
    min_score: Score | None = Field(None, description="Reasoning score, at least", examples=[3.5])
    max_score: Score | None = Field(None, description="Reasoning score, at most", examples=[5])
    from_: Moment | None = Field(
        None, alias="from", description="Stored at or after this time; UTC without a zone", examples=["2026-03-01T00:00:00Z"]
    )
    to: Moment | None = Field(None, description="Stored before this time; UTC without a zone", examples=["2026-04-01"])
    event_type: EventType | None = Field(None, description="Holds at least one such event", examples=["test_result"])
    q: str | None = Field(
        None,
        max_length=MAX_TEXT_CHARACTERS,
        description='Words and "quoted phrases" that all stand in the task, the reasoning or the commands',
        examples=['rounding "cent off"'],
    )
    sort: Sort = Field("-created_at", description="Order; '-' for descending", examples=["-score"])
    limit: int = Field(DEFAULT_PAGE, ge=1, le=MAX_PAGE, description="Most traces on a page")
    cursor: str | None = Field(
        None, max_length=1000, description="next_cursor of the page before, with the same filters and sort"
    )

    def query(self) -> TraceQuery:
        """The question that the parameters ask."""
        return TraceQuery(
            developer_id=self.developer_id,
            bug_id=self.bug_id,
            repo=self.repo,
            status=self.status,
            verdict=self.verdict,
            score_min=self.min_score,
            score_max=self.max_score,
            created_from=in_zone(self.from_) if self.from_ is not None else None,
            created_to=in_zone(self.to) if self.to is not None else None,
            event_type=self.event_type,
            q=self.q,
            sort=self.sort.removeprefix("-"),  # type: ignore[arg-type]  # Sort is SortField with and without '-'
            descending=self.sort.startswith("-"),
            limit=self.limit,
            cursor=self.cursor,
        )


class TraceListing(BaseModel):
    """A page of traces."""

    traces: tuple[TraceSummary, ...]
    next_cursor: str | None
    """`null` on the last page."""
    complete: bool
    """`false` while the index is still being built: traces may be missing."""


def _documented() -> list[dict[str, Any]]:
    """The parameters for the documentation; the route reads them by itself, so that it can name every fault at once."""
    parameters = []
    for name, schema in ListParameters.model_json_schema()["properties"].items():
        kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
        description, examples = schema.pop("description"), schema.pop("examples", [])
        shown = {**schema, **(kinds[0] if kinds else {})}
        shown.pop("title", None)
        if shown.get("default", ...) is None:
            del shown["default"]
        example = {"example": examples[0]} if examples else {}
        parameters.append(
            {"name": name, "in": "query", "required": False, "description": description, "schema": shown, **example}
        )
    return parameters


@router.get(
    "",
    summary="Find traces",
    responses={200: {"model": TraceListing}},
    openapi_extra={"parameters": _documented()},
)
def list_traces(services: Services, request: Request) -> Response:
    """A page of summaries, newest first unless `sort` says otherwise. All filters have to fit.

    Behind the page there is another as long as `next_cursor` is not `null`; the `Link` header names it.
    """
    parameters = parse_parameters(request.query_params.multi_items())
    page = services.queries.find(parameters.query())
    listing = TraceListing(traces=page.items, next_cursor=page.next_cursor, complete=page.complete)
    headers = {} if page.next_cursor is None else {"Link": f'<{_next_address(request, page.next_cursor)}>; rel="next"'}
    return Response(listing.model_dump_json(), media_type="application/json", headers=headers)


def parse_parameters(items: list[tuple[str, str]]) -> ListParameters:
    """The parameters, as names and texts.

    Raises:
        InvalidError: some are unknown, wrong, or contradict each other; ``faults`` names each.
    """
    counts = Counter(name for name, _ in items)
    faults = [Fault(("query", name), "Stands there more than once") for name, count in counts.items() if count > 1]
    try:
        parameters = ListParameters.model_validate(dict(items))
    except ValidationError as error:
        raise _refused([*faults, *_faults(error)]) from None
    faults += _contradictions(parameters)
    if faults:
        raise _refused(faults)
    return parameters


def _faults(error: ValidationError) -> list[Fault]:
    return [
        Fault(("query", *detail["loc"]), "Is no parameter here" if detail["type"] == "extra_forbidden" else detail["msg"])
        for detail in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _contradictions(parameters: ListParameters) -> list[Fault]:
    faults = []
    low, high = parameters.min_score, parameters.max_score
    if low is not None and high is not None and low > high:
        faults.append(Fault(("query", "min_score"), "Is larger than max_score"))
    start, end = parameters.from_, parameters.to
    if start is not None and end is not None and in_zone(start) > in_zone(end):
        faults.append(Fault(("query", "from"), "Is later than to"))
    return faults


def _refused(faults: list[Fault]) -> InvalidError:
    return InvalidError(describe_faults(faults), faults)


def _next_address(request: Request, cursor: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"
