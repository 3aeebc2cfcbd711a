"""The door of exports: datasets, streamed while they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.dependencies import Services
from app.api.listing import Moment
from app.api.problems import describe_faults
from app.api.schemas import problems
from app.api.security import require_token
from app.errors import Fault, InvalidError
from app.formats.writing.base import Options
from app.formats.writing.card import UNKNOWN_LICENCE
from app.formats.writing.registry import WRITERS, find_writer
from app.formats.writing.selection import ClaimsRule, ConsentRule, Filters, ReviewRule
from app.formats.writing.splits import parse_shares
from app.models.judgement import JudgeKind, Share
from app.models.qa import Verdict
from app.models.query import MAX_TEXT_CHARACTERS, EventType, Name, Score, TraceQuery
from app.models.trace import ImageName
from app.services.export import Export, ExportRequest, NoLinesError
from app.utils.clock import in_zone
from app.utils.tar_stream import tar_of

router = APIRouter(tags=["export"], dependencies=[Depends(require_token)], responses=problems(401, 422, 503))

Package = Literal["lines", "tar"]
Licence = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]{0,63}$")]
ANY_VERDICT = "any"
_VERDICTS: frozenset[Any] = frozenset(Verdict.__args__)  # type: ignore[attr-defined]  # a Literal tells its values
_NAMES = ", ".join(f"`{writer.name}`" for writer in WRITERS)
_BLOCK_BYTES = 64 * 1024
_MEDIA_TYPES: dict[Package, tuple[str, str]] = {"lines": ("application/x-ndjson", "jsonl"), "tar": ("application/x-tar", "tar")}


class ExportParameters(BaseModel):
    """The parameters of ``GET /export``, as they stand in the address."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)

    format: str = Field(description=f"One of {_NAMES}", examples=["messages"])
    developer_id: Name | None = Field(None, description="Exactly this developer", examples=["dev-17"])
    bug_id: Name | None = Field(None, description="Exactly this bug", examples=["BUG-42"])
    repo: Name | None = Field(None, description="Exactly this name of a repository", examples=["till"])
    from_: Moment | None = Field(None, alias="from", description="Stored at or after this time; UTC without a zone")
    to: Moment | None = Field(None, description="Stored before this time; UTC without a zone", examples=["2026-04-01"])
    event_type: EventType | None = Field(None, description="Holds at least one such event", examples=["test_result"])
    q: str | None = Field(None, max_length=MAX_TEXT_CHARACTERS, description="Words and phrases, as in `GET /traces`")
    verdict: str | None = Field(
        None, max_length=200, description="Verdicts with commas between them, or `any`; the format's own where left out"
    )
    min_score: Score | None = Field(None, description="The score that counts, at least", examples=[3.5])
    max_score: Score | None = Field(None, description="The score that counts, at most", examples=[5])
    rubric: Name | None = Field(None, description="The score that counts is the newest by this rubric", examples=["process-6"])
    judge_kind: JudgeKind | None = Field(None, description="The score that counts is the newest of such a judge")
    needs_review: ReviewRule = Field("any", description="Whether that judgement asks for a person's review")
    claims: ClaimsRule = Field("any", description="`none_refuted`: only traces without a refuted claim")
    min_confirmed: Share = Field(0.0, description="Share of a trace's claims that are confirmed, at least", examples=[0.9])
    consent: ConsentRule = Field("given", description="`not_refused`: also sessions that state no consent")
    dedup: bool = Field(True, description="Leave out sessions with the same task and the same edits as another")
    split: str = Field("1", max_length=100, description="Shares of train, validation and test, such as `0.8,0.1,0.1`")
    seed: str = Field("", max_length=100, description="Another seed, another division into splits")
    license: Licence = Field(UNKNOWN_LICENCE, description="Identifier of the licence, for the card")
    base_image: ImageName | None = Field(None, description="Image that task folders are built on, where it is another")
    score_margin: float = Field(1.0, ge=0, le=5, description="How much lower a score makes an attempt the worse of a pair")
    package: Package | None = Field(
        None, description="`lines`: the rows alone; `tar`: the folder with card and report; `lines` for formats that are lines"
    )
    dry_run: bool = Field(False, description="Answer only with what would be exported and what would be left out")

    def request(self) -> ExportRequest:
        """What is asked for.

        Raises:
            InvalidError: parameters contradict each other, or are none; ``faults`` names each.
        """
        find_writer(self.format)
        faults = list(self._faults())
        if faults:
            raise InvalidError(describe_faults(faults), faults)
        return ExportRequest(
            format=self.format,
            scope=self._scope(),
            filters=self._filters(),
            shares=parse_shares(self.split, self.seed),
            dedup=self.dedup,
            licence=self.license,
            options=Options(self.base_image, self.score_margin),
        )

    def chosen_package(self) -> Package:
        """How it is handed out.

        Raises:
            InvalidError: the format is no lines.
        """
        is_lines = find_writer(self.format).is_lines
        if self.package == "lines" and not is_lines:
            raise NoLinesError(f"The format {self.format} is a folder of files; ask for package=tar")
        return self.package or ("lines" if is_lines else "tar")

    def _faults(self) -> Iterator[Fault]:
        if self.min_score is not None and self.max_score is not None and self.min_score > self.max_score:
            yield Fault(("query", "min_score"), "Is larger than max_score")
        if self.from_ is not None and self.to is not None and in_zone(self.from_) > in_zone(self.to):
            yield Fault(("query", "from"), "Is later than to")
        unknown = [] if self.verdict == ANY_VERDICT else [name for name in self._verdict_names() if name not in _VERDICTS]
        if unknown:
            yield Fault(
                ("query", "verdict"), f"{', '.join(unknown)}: there are {', '.join(sorted(_VERDICTS))} and {ANY_VERDICT}"
            )
        try:
            shares = parse_shares(self.split, self.seed)
        except ValueError as error:
            yield Fault(("query", "split"), str(error))
        else:
            if len(shares.names) > 1 and self.chosen_package() == "lines" and not self.dry_run:
                yield Fault(("query", "split"), "Lines alone do not tell splits apart; ask for package=tar")

    def _verdict_names(self) -> list[str]:
        return [name.strip() for name in (self.verdict or "").split(",") if name.strip()]

    def _scope(self) -> TraceQuery:
        return TraceQuery(
            developer_id=self.developer_id,
            bug_id=self.bug_id,
            repo=self.repo,
            created_from=in_zone(self.from_) if self.from_ is not None else None,
            created_to=in_zone(self.to) if self.to is not None else None,
            event_type=self.event_type,
            q=self.q,
        )

    def _filters(self) -> Filters:
        names: Iterable[Any] = () if self.verdict == ANY_VERDICT else self._verdict_names()
        return Filters(
            verdicts=frozenset(names) if self.verdict is not None else None,
            min_score=self.min_score,
            max_score=self.max_score,
            judge_kind=self.judge_kind,
            rubric=self.rubric,
            needs_review=self.needs_review,
            claims=self.claims,
            min_confirmed=self.min_confirmed,
            consent=self.consent,
        )


def parse_export_parameters(given: dict[str, Any]) -> ExportParameters:
    """The parameters, by name.

    Raises:
        InvalidError: some are unknown or wrong; ``faults`` names each.
    """
    try:
        return ExportParameters.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        faults = [Fault(("query", *detail["loc"]), detail["msg"]) for detail in details]
        raise InvalidError(describe_faults(faults), faults) from None


@router.get(
    "/export",
    summary="Export traces as a dataset",
    response_class=Response,
    responses={
        200: {
            "description": "The rows alone, a folder as a tar archive, or with `dry_run` the report",
            "content": {"application/x-ndjson": {}, "application/x-tar": {}, "application/json": {}},
        }
    },
)
def export_traces(services: Services, request: Request, parameters: Annotated[ExportParameters, Query()]) -> Response:
    """Traces that fit, in the format that is asked for. The same query on the same data gives the same bytes.

    What is wrong with the request is told before the first byte. A folder holds `README.md`, the card of the dataset, and
    `MANIFEST.json`, which says what was left out and why, and has the hash of every file.
    """
    _refuse_repeated(request)
    package = parameters.chosen_package()
    export = services.exports.prepare(parameters.request())
    if parameters.dry_run:
        return JSONResponse(export.report.plan())
    media_type, suffix = _MEDIA_TYPES[package]
    headers = {"Content-Disposition": f'attachment; filename="{parameters.format}.{suffix}"'}
    return StreamingResponse(in_blocks(packed(export, package)), media_type=media_type, headers=headers)


def _refuse_repeated(request: Request) -> None:
    counts = Counter(name for name, _ in request.query_params.multi_items())
    faults = [Fault(("query", name), "Stands there more than once") for name, count in counts.items() if count > 1]
    if faults:
        raise InvalidError(describe_faults(faults), faults)


def packed(export: Export, package: Package) -> Iterator[bytes]:
    """The export as one stream."""
    return export.lines() if package == "lines" else tar_of(export.files())


def in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger pieces: each of them changes threads on its way out."""
    block: list[bytes] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= _BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join(block)
