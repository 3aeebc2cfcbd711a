"""Datasets out of stored traces: chosen by a query, written by a format, with a card and a report of what was left out.

Traces are looked at twice: once to choose, when little more than a line is remembered of each, and once to write, one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from app.errors import CorruptError, InvalidError, NotFoundError, UnavailableError
from app.formats.writing.base import Chosen, Context, Item, Options, OutputFile, Scored, Session, Tally, Writer
from app.formats.writing.card import UNKNOWN_LICENCE, card_of
from app.formats.writing.dedup import content_hash
from app.formats.writing.manifest import Distribution, Report, manifest_of
from app.formats.writing.registry import find_writer
from app.formats.writing.selection import (
    DUPLICATE,
    GONE,
    UNREADABLE,
    Filters,
    counted_score,
    reason_against,
    verdicts_of,
)
from app.formats.writing.splits import Shares, identities_of, normalised_address, repositories_of
from app.models.qa import Verdict
from app.models.query import MAX_PAGE, TracePage, TraceQuery
from app.models.trace import Trace
from app.services.export_code import CodeReader
from app.storage.base import TraceStore

_NOT_OF_THE_SCOPE = {"sort", "descending", "limit", "cursor", "status", "verdict", "score_min", "score_max"}

FindPage = Callable[[TraceQuery], TracePage]
"""One page of the traces that a query finds."""

OnProgress = Callable[[str, int, int], None]
"""Told which stage is at work, how many traces are done, and of how many."""


class NoLinesError(InvalidError):
    """This format is a folder of files."""

    code = "no_lines"


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported, and how."""

    format: str
    scope: TraceQuery = field(default_factory=TraceQuery)
    """Which traces are looked at. Of these, all that are not exported are counted with the reason."""
    filters: Filters = field(default_factory=Filters)
    shares: Shares = field(default_factory=Shares)
    dedup: bool = True
    """Leave out sessions that have the same task and the same edits as another."""
    licence: str = UNKNOWN_LICENCE
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What is remembered of a trace that passes the filters."""

    trace_id: str
    revision: int
    scored: Scored
    verdict: Verdict
    bug_id: str | None
    base_commit: str | None
    identities: frozenset[str]
    address: str
    content: str | None
    features: tuple[tuple[str, str], ...]
    claims: tuple[int, int, int]


class Export:
    """A dataset that is about to be written."""

    def __init__(
        self, writer: Writer, report: Report, licence: str, items: Mapping[str, Sequence[Item]], context: Context
    ) -> None:
        self.report = report
        self._writer = writer
        self._licence = licence
        self._items = items
        self._context = context

    def files(self) -> Iterator[OutputFile]:
        """Every file of the dataset; the card and the report come last. Each is read to its end before the next is taken."""
        for file in self._data():
            yield self.report.noting(file)
        yield self.report.noting(card_of(self.report, self._writer, self._licence))
        yield manifest_of(self.report)

    def lines(self) -> Iterator[bytes]:
        """The lines alone, one after the other.

        Raises:
            NoLinesError: the format is a folder of files.
        """
        if not self._writer.is_lines:
            raise NoLinesError(f"The format {self._writer.name} is a folder of files, and not lines")
        return (chunk for file in self._data() for chunk in file.chunks)

    def _data(self) -> Iterator[OutputFile]:
        for split, items in self._items.items():
            yield from self._writer.files(split, items, self._context)


class ExportService:
    """Exports what a store holds."""

    def __init__(
        self, store: TraceStore, find: FindPage, code: CodeReader, has_secrets: Callable[[str], bool], version: str
    ) -> None:
        self._store = store
        self._find_page = find
        self._code = code
        self._has_secrets = has_secrets
        self._version = version

    def prepare(self, request: ExportRequest, on_progress: OnProgress | None = None) -> Export:
        """Choose the traces. Nothing is written yet; what is wrong with the request shows here.

        Raises:
            InvalidError: the format is not known.
            UnavailableError: the index cannot be read now or is still being built, or something that the format needs is not
                installed.
        """
        writer, on_progress = find_writer(request.format), on_progress or _tell_nobody
        tally, ids = Tally(), sorted(self._find(request.scope))
        candidates = self._candidates(ids, request, writer, tally, on_progress)
        kept = _without_duplicates(candidates, tally) if request.dedup else candidates
        chosen = _chosen(kept, request.shares)
        load = _Loader(self._store, self._code, self._has_secrets, request.filters, tally, len(chosen), on_progress)
        context = Context(load, tally, request.options)
        arranged = writer.arrange(chosen, context)
        items = {name: [item for item in arranged if item.first.split == name] for name in request.shares.names}
        report = self._report(request, writer, len(ids), kept, items, tally)
        return Export(writer, report, request.licence, items, context)

    def _find(self, scope: TraceQuery) -> Iterator[str]:
        query = scope.model_copy(update={"sort": "created_at", "limit": MAX_PAGE, "cursor": None})
        while True:
            page = self._find_page(query)
            if not page.complete:
                raise UnavailableError("The index does not know all traces yet; ask again in a moment")
            yield from (summary.trace_id for summary in page.items)
            if page.next_cursor is None:
                return
            query = query.model_copy(update={"cursor": page.next_cursor})

    def _candidates(
        self, ids: Sequence[str], request: ExportRequest, writer: Writer, tally: Tally, on_progress: OnProgress
    ) -> list[_Candidate]:
        found: list[_Candidate] = []
        known: dict[Hashable, Hashable] = {}
        for number, trace_id in enumerate(ids, 1):
            candidate = self._look_at(trace_id, request, writer)
            if isinstance(candidate, str):
                tally.left_out[candidate] += 1
            else:
                found.append(_sharing(candidate, known))
            on_progress("choosing", number, len(ids))
        return found

    def _look_at(self, trace_id: str, request: ExportRequest, writer: Writer) -> _Candidate | str:
        """What to remember of a trace, or why it is left out."""
        try:
            trace = self._store.head(trace_id).current()
            scored = counted_score(trace, request.filters)
            reason = reason_against(trace, scored, request.filters, writer.needs)
            if reason is not None:
                return reason
            address = normalised_address(trace.repo.url) or trace.repo.name or "not known"
            content = content_hash(*self._store.scan(trace_id), address) if request.dedup else None
            return _candidate(trace, scored, address, content)
        except NotFoundError:
            return GONE
        except CorruptError:
            return UNREADABLE

    def _report(
        self,
        request: ExportRequest,
        writer: Writer,
        found: int,
        kept: Sequence[_Candidate],
        items: Mapping[str, Sequence[Item]],
        tally: Tally,
    ) -> Report:
        used = {one.trace_id: one for part in items.values() for item in part for one in item.traces}
        distribution = Distribution()
        repositories: dict[str, dict[str, Any]] = {}
        for candidate in kept:
            if candidate.trace_id in used:
                distribution.count(candidate.features, candidate.claims)
                about = repositories.setdefault(candidate.address, {"split": used[candidate.trace_id].split, "traces": 0})
                about["traces"] += 1
        return Report(
            format=writer.name,
            query=_query(request, writer),
            program={"name": "pr-telemetry", "version": self._version},
            found=found,
            chosen=len(used),
            splits={name: _split_counts(part) for name, part in items.items()},
            repositories=dict(sorted(repositories.items())),
            distribution=distribution,
            tally=tally,
        )


class _Loader:
    """Reads chosen traces again. Those that are not as they were chosen are counted, once."""

    def __init__(
        self,
        store: TraceStore,
        code: CodeReader,
        has_secrets: Callable[[str], bool],
        filters: Filters,
        tally: Tally,
        total: int,
        on_progress: OnProgress,
    ) -> None:
        self._store = store
        self._code = code
        self._has_secrets = has_secrets
        self._filters = filters
        self._tally = tally
        self._total = total
        self._on_progress = on_progress
        self._seen: set[str] = set()
        self._lost: set[str] = set()

    def __call__(self, chosen: Chosen) -> Session | None:
        """See ``Context.load``."""
        self._seen.add(chosen.trace_id)
        self._on_progress("writing", len(self._seen), self._total)
        if chosen.trace_id in self._lost:
            return None
        try:
            trace = self._store.load(chosen.trace_id)
        except CorruptError:
            self._lose(chosen, UNREADABLE)
            return None
        except NotFoundError:
            self._lose(chosen, GONE)
            return None
        if trace.revision != chosen.revision:
            self._lose(chosen, GONE)
            return None
        return Session(
            trace=trace,
            scored=counted_score(trace, self._filters),
            document=lambda: self._document(chosen),
            code=lambda: self._code.code_of(trace),
            read_base=lambda paths: self._code.read_base(trace, paths),
            has_secrets=self._has_secrets,
        )

    def _document(self, chosen: Chosen) -> Iterator[bytes]:
        """A line break never stands within a value of JSON, so that a document without them is the same, on one line."""
        stored = self._store.read(chosen.trace_id)
        if stored.revision != chosen.revision:
            stored.close()
            raise UnavailableError(f"Trace {chosen.trace_id} changed at this very moment; ask again")
        return (block.replace(b"\n", b"") for block in stored.blocks)

    def _lose(self, chosen: Chosen, reason: str) -> None:
        self._lost.add(chosen.trace_id)
        self._tally.left_out[reason] += 1


def _tell_nobody(*_: object) -> None:
    """Where nobody asks how far it is."""


def _candidate(trace: Trace, scored: Scored, address: str, content: str | None) -> _Candidate:
    assert trace.qa_results is not None  # noqa: S101 -- only finalized traces pass
    features, claims = Distribution.features_of(trace, scored)
    return _Candidate(
        trace_id=trace.trace_id,
        revision=trace.revision,
        scored=scored,
        verdict=trace.qa_results.verification.verdict,
        bug_id=trace.bug_id,
        base_commit=trace.repo.commit_before,
        identities=identities_of(trace.repo),
        address=address,
        content=content,
        features=features,
        claims=claims,
    )


def _sharing(candidate: _Candidate, known: dict[Hashable, Hashable]) -> _Candidate:
    """The same, with values in common with those before it: what most traces have alike is remembered once."""
    alike = ("scored", "bug_id", "base_commit", "identities", "address", "features", "claims")
    values: dict[str, Any] = {name: known.setdefault(value := getattr(candidate, name), value) for name in alike}
    return replace(candidate, **values)


def _without_duplicates(candidates: Sequence[_Candidate], tally: Tally) -> list[_Candidate]:
    """Of those that are the same, the one with the highest score stays; of equal scores, the first by id."""
    best: dict[str, _Candidate] = {}
    for candidate in candidates:
        key = candidate.content or candidate.trace_id
        known = best.get(key)
        if known is None or (candidate.scored.total or 0.0) > (known.scored.total or 0.0):
            best[key] = candidate
    kept = {candidate.trace_id for candidate in best.values()}
    if len(kept) < len(candidates):
        tally.left_out[DUPLICATE] += len(candidates) - len(kept)
    return [candidate for candidate in candidates if candidate.trace_id in kept]


def _chosen(candidates: Sequence[_Candidate], shares: Shares) -> list[Chosen]:
    repositories = repositories_of({candidate.trace_id: candidate.identities for candidate in candidates})
    return [
        Chosen(
            trace_id=candidate.trace_id,
            revision=candidate.revision,
            repository=(repository := repositories[candidate.trace_id]),
            bug=_bug(candidate, repository),
            verdict=candidate.verdict,
            score=candidate.scored.total,
            split=shares.split_of(repository),
        )
        for candidate in candidates
    ]


def _bug(candidate: _Candidate, repository: str) -> str | None:
    """Attempts are at the same bug where they began with the same commit, too."""
    if candidate.bug_id is None:
        return None
    return "\0".join((repository, candidate.bug_id, candidate.base_commit or ""))


def _split_counts(items: Sequence[Item]) -> dict[str, int]:
    traces = {one.trace_id: one.repository for item in items for one in item.traces}
    return {"traces": len(traces), "repositories": len(Counter(traces.values()))}


def _query(request: ExportRequest, writer: Writer) -> dict[str, Any]:
    """All that decides about the content, with what the format decides by itself."""
    scope = request.scope.model_dump(mode="json", exclude=_NOT_OF_THE_SCOPE, exclude_none=True)
    verdicts = verdicts_of(request.filters, writer.needs)
    filters = {name: value for name, value in asdict(request.filters).items() if value is not None}
    return {
        **scope,
        **filters,
        "verdicts": sorted(verdicts) if verdicts is not None else "any",
        "split": list(request.shares.shares),
        "seed": request.shares.seed,
        "dedup": request.dedup,
        "license": request.licence,
        **{name: value for name, value in asdict(request.options).items() if value is not None},
    }
