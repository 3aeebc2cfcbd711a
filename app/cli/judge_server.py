"""Judging on a server, over its own API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from app.api.listing import ListParameters
from app.cli.client import Client
from app.errors import InvalidError, UnavailableError
from app.models.judgement import Estimate, EstimateList, Judgement, JudgementList, JudgeRequest
from app.models.rubric import RubricList, RubricRef

_List = TypeVar("_List", RubricList, JudgementList, EstimateList)


class ServerDesk:
    """A ``JudgeDesk`` whose traces lie on a server."""

    def __init__(self, url: str, token: str, at_once: int) -> None:
        self._client = Client(url.rstrip("/"), token)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="judge")

    def __enter__(self) -> ServerDesk:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def rubrics(self, names: Sequence[str] | None) -> tuple[RubricRef, ...]:
        """The named rubrics, or those that the server uses by itself.

        Raises:
            InvalidError: one is not there.
        """
        found = self._read(RubricList, self._client.get("/rubrics"))
        known = {rubric.id: rubric.ref for rubric in found.rubrics}
        wanted = names or found.default
        missing = [name for name in wanted if name not in known]
        if missing:
            raise InvalidError(f"No rubric has the id {', '.join(missing)}; there are {', '.join(sorted(known))}")
        return tuple(known[name] for name in wanted)

    def find(self, parameters: ListParameters) -> Iterator[str]:
        """Ids of the traces that fit."""
        given = parameters.model_dump(mode="json", exclude_none=True, by_alias=True)
        while True:
            page: dict[str, Any] = self._client.get(f"/traces?{urlencode(given)}")
            yield from (str(summary["trace_id"]) for summary in page["traces"])
            if page["next_cursor"] is None:
                return
            given["cursor"] = page["next_cursor"]

    def judgements(self, trace_id: str) -> Sequence[Judgement]:
        """See ``JudgeDesk``."""
        return self._read(JudgementList, self._client.get(f"/traces/{quote(trace_id, safe='')}/judgements")).judgements

    def submit(self, trace_id: str, request: JudgeRequest) -> Future[tuple[Judgement, ...]]:
        """See ``JudgeDesk``."""
        return self._pool.submit(lambda: self._read(JudgementList, self._post(trace_id, request)).judgements)

    def estimate(self, trace_id: str, request: JudgeRequest) -> Sequence[Estimate]:
        """See ``JudgeDesk``."""
        asked = request.model_copy(update={"dry_run": True})
        return self._read(EstimateList, self._post(trace_id, asked)).estimates

    def _post(self, trace_id: str, request: JudgeRequest) -> Any:
        path = f"/traces/{quote(trace_id, safe='')}/judge"
        return self._client.post(path, request.model_dump(mode="json", exclude_none=True))

    def _read(self, model: type[_List], document: Any) -> _List:
        try:
            return model.model_validate(document, strict=False)
        except ValidationError as error:
            raise UnavailableError(f"The server's answer is none of this version: {error.error_count()} faults") from None
