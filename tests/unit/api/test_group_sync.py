"""Who waits for the same journal waits for the same fsync."""

from __future__ import annotations

import asyncio
import threading

import pytest

from app.api.group_sync import GroupSync
from app.storage.base import Written


class Journal:
    """Notes how far it was synced, and takes as long as the test wants."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.ends: list[int] = []

    def written(self, end: int, error: Exception | None = None) -> Written:
        def sync() -> None:
            self.may_go_on.wait()
            self.ends.append(end)
            if error is not None:
                raise error

        return Written(sync, self, end)


def test_all_who_come_during_a_sync_share_the_next_one() -> None:
    journal = Journal()

    async def run() -> None:
        disk = GroupSync()
        waiting = [asyncio.ensure_future(disk.on_disk(journal.written(end))) for end in (1, 3, 2)]
        await asyncio.sleep(0)
        journal.may_go_on.set()
        await asyncio.gather(*waiting)
        disk.close()

    asyncio.run(run())

    assert journal.ends == [1, 3]


def test_all_who_shared_a_sync_are_told_that_it_failed() -> None:
    journal = Journal()

    async def run() -> list[BaseException | None]:
        disk = GroupSync()
        journal.may_go_on.set()
        waiting = [disk.on_disk(journal.written(end, OSError("full") if end > 1 else None)) for end in (1, 2, 3)]
        told = await asyncio.gather(*waiting, return_exceptions=True)
        disk.close()
        return told

    first, second, third = asyncio.run(run())

    assert first is None
    assert isinstance(second, OSError)
    assert isinstance(third, OSError)


def test_one_whose_client_has_gone_keeps_nobody_waiting() -> None:
    journal = Journal()

    async def run() -> None:
        disk = GroupSync()
        gone = asyncio.ensure_future(disk.on_disk(journal.written(1)))
        stays = asyncio.ensure_future(disk.on_disk(journal.written(2)))
        await asyncio.sleep(0)
        gone.cancel()
        journal.may_go_on.set()
        await stays
        with pytest.raises(asyncio.CancelledError):
            await gone
        disk.close()

    asyncio.run(run())

    assert journal.ends == [1, 2]


def test_nothing_to_wait_for_is_done() -> None:
    async def run() -> None:
        disk = GroupSync()
        await disk.on_disk(Written())
        disk.close()

    asyncio.run(run())


def test_journals_do_not_wait_for_each_other() -> None:
    slow, quick = Journal(), Journal()
    quick.may_go_on.set()

    async def run() -> None:
        disk = GroupSync()
        waiting = asyncio.ensure_future(disk.on_disk(slow.written(1)))
        await asyncio.sleep(0)
        for end in range(3):
            await disk.on_disk(quick.written(end))
        assert not waiting.done()
        slow.may_go_on.set()
        await waiting
        disk.close()

    asyncio.run(run())

    assert (slow.ends, quick.ends) == ([1], [0, 1, 2])


def test_all_that_are_synced_when_the_loop_hears_of_it_are_told_at_once() -> None:
    journals = [Journal() for _ in range(8)]
    calls: list[object] = []

    async def run() -> None:
        disk = GroupSync(threads=1)
        loop = asyncio.get_running_loop()
        call = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda callback, *more: calls.append(callback) or call(callback, *more)  # type: ignore[method-assign,func-returns-value]
        waiting = [asyncio.ensure_future(disk.on_disk(journal.written(1))) for journal in journals]
        await asyncio.sleep(0)
        for journal in journals:
            journal.may_go_on.set()
        disk.close()  # keeps the loop from hearing until all are synced
        await asyncio.gather(*waiting)

    asyncio.run(run())

    assert len(calls) == 1
