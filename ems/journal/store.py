"""The journal as the service uses it: one writer thread, a bounded queue, commits that last.

Nobody waits for the disk unless he wants to: ``append`` returns a future that is done when the
record survives a power cut. A commit that took longer than 100 ms is itself recorded (I-05). A disk
that refuses is tried again while the records wait; a damaged file is set aside (F-14).
"""

from __future__ import annotations

import collections
import json
import logging
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.journal.chain import ChainFile
from ems.journal.errors import JournalError, JournalFullError
from ems.journal.integrity import IntegrityCheck
from ems.journal.record import Kind, RecordDraft, canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ems.journal.record import Json, Record

LOGGER = logging.getLogger(__name__)

SLOW_S = 0.1  # real seconds, I-05
QUEUE_LIMIT = 10_000  # I-15: hours of one event on a dead disk
BATCH = 500
GATHER_S = 0.02  # real seconds: one commit for what belongs together, none amid a limit's orders
RETRY_FIRST_S = 1.0
RETRY_MOST_S = 30.0
CLOSE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    draft: RecordDraft
    future: Future[Record]
    asked_at: float


class Journal:
    """Append-only, hash-chained records in one file. Safe to call from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        utc: datetime,
        on_fault: Callable[[str | None], None] | None = None,
        on_damage: Callable[[Sequence[Path]], None] = lambda _files: None,
        timer: Callable[[], float] = time.perf_counter,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        """Open ``path`` and start the writer. Never raises for what the disk does.

        ``utc`` dates what opening itself has to tell. ``on_fault`` hears, from the writer's thread,
        why records cannot be written, and ``None`` when they can again. ``on_damage`` hears, from
        whichever thread found it, which files were set aside so that a new chain could begin; the
        whole file is looked through in the background.
        """
        self.fault: str | None = None
        self._utc = utc
        self._chain = ChainFile(path, on_damage)
        self._on_fault = on_fault
        self._timer = timer
        self._limit = queue_limit
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._prunes: list[tuple[datetime, Future[int]]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._hurry = threading.Event()
        self._lost = 0
        self._flaw: str | None = None
        self._check: IntegrityCheck | None = None
        try:
            self._chain.open(utc)
            self._check = IntegrityCheck(path, self._found_flaw)
        except (sqlite3.Error, OSError) as error:
            self._failed(str(error))
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the newest durable record; ``(0, zeros)`` without one."""
        return self._chain.head

    @property
    def waiting(self) -> int:
        """Records that are not durable yet."""
        return len(self._queue)

    def append(self, kind: str, data: Mapping[str, Json], utc: datetime) -> Future[Record]:
        """Queue one record; the future gives it once it is durable. It cannot be cancelled.

        The future fails with ``JournalFullError`` when too many wait, with ``JournalError`` when
        the journal is closed first, with ``TypeError``/``ValueError`` when ``data`` is no JSON.
        """
        future: Future[Record] = Future()
        future.set_running_or_notify_cancel()
        try:
            frozen = json.loads(canonical(dict(data)))
        except (TypeError, ValueError) as error:
            future.set_exception(error)
            return future
        draft = RecordDraft(kind=str(kind), data=frozen, utc=utc)
        with self._wake:
            if self._closing:
                future.set_exception(JournalError("the journal is closed"))
            elif len(self._queue) >= self._limit:
                self._lost += 1
                future.set_exception(JournalFullError(f"{self._limit} records wait for the disk"))
            else:
                waiting = _Waiting(draft=draft, future=future, asked_at=self._timer())
                self._queue.append(waiting)
                self._wake.notify()
        return future

    def append_draft(self, draft: RecordDraft) -> Future[Record]:
        """Queue a record that ``Evidence`` drafted."""
        return self.append(draft.kind, draft.data, draft.utc)

    def prune(self, utc: datetime) -> Future[int]:
        """Delete whole days whose events ended more than 760 days before ``utc``.

        Call it only while the clock is synchronised. The future gives the number of records that
        went; an anchor record takes their place.
        """
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()
        with self._wake:
            if self._closing:
                future.set_exception(JournalError("the journal is closed"))
            else:
                self._prunes.append((utc, future))
                self._wake.notify()
        return future

    def close(self) -> None:
        """Write what waits and stop; what cannot be written within 5 s fails."""
        if self._check is not None:
            self._check.stop()
        self._hurry.set()
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(CLOSE_WITHIN_S)
        self._refuse_rest()

    def _refuse_rest(self) -> None:
        with self._wake:
            self._closing = True
            rest: list[Future[Record] | Future[int]] = [waiting.future for waiting in self._queue]
            rest += [future for _, future in self._prunes]
            self._queue.clear()
            self._prunes.clear()
        for future in rest:
            future.set_exception(JournalError(self.fault or "the journal is closed"))

    # --- the writer's thread -------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._refuse_rest()
            self._chain.close()

    def _serve(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            with self._wake:
                self._wake.wait_for(self._has_work)
            self._hurry.wait(GATHER_S)
            with self._wake:
                batch = [self._queue[index] for index in range(min(BATCH, len(self._queue)))]
                prunes, self._prunes = self._prunes, []
                closing, (flaw, self._flaw) = self._closing, (self._flaw, None)
            if flaw is not None:
                self._begin_anew(flaw)
            for utc, future in prunes:
                self._prune(utc, future)
            if not batch:
                if closing:
                    return
                continue
            if self._write(batch):
                retry_s = RETRY_FIRST_S
                continue
            if closing:
                return
            with self._wake:
                self._wake.wait_for(lambda: self._closing, retry_s)
            retry_s = min(retry_s * 2, RETRY_MOST_S)

    def _has_work(self) -> bool:
        return bool(self._queue or self._prunes or self._closing or self._flaw)

    def _found_flaw(self, flaw: str) -> None:
        """Called from the thread of the check; the writer acts, so that nobody else writes."""
        with self._wake:
            self._flaw = flaw
            self._wake.notify()

    def _begin_anew(self, flaw: str) -> None:
        try:
            self._chain.begin_anew(flaw, self._utc)
        except (sqlite3.Error, OSError) as error:
            self._failed(str(error))  # the next record opens whatever is there

    def _write(self, batch: list[_Waiting]) -> bool:
        """Commit ``batch``; tell whether it is durable."""
        lost = self._lost
        drafts = [waiting.draft for waiting in batch]
        if lost:
            data = {"count": lost, "why": "queue full"}
            drafts.append(RecordDraft(kind=Kind.RECORDS_LOST, data=data, utc=drafts[-1].utc))
        try:
            sealed = self._chain.append(drafts)
        except (sqlite3.Error, OSError, JournalError) as error:
            self._failed(str(error))
            return False
        self._worked()
        with self._wake:
            self._lost -= lost
            for _ in batch:
                self._queue.popleft()
        for waiting, record in zip(batch, sealed, strict=False):
            waiting.future.set_result(record)
        self._tell_delay(batch, sealed[-1])
        return True

    def _tell_delay(self, batch: list[_Waiting], last: Record) -> None:
        delay_s = self._timer() - batch[0].asked_at
        if delay_s <= SLOW_S or all(one.draft.kind == Kind.DISK_DELAY for one in batch):
            return
        data = {"delay_ms": int(delay_s * 1000), "through_seq": last.seq, "count": len(batch)}
        self.append(Kind.DISK_DELAY, data, batch[-1].draft.utc)

    def _prune(self, utc: datetime, future: Future[int]) -> None:
        try:
            deleted = self._chain.prune(utc)
        except (sqlite3.Error, OSError, JournalError) as error:
            future.set_exception(JournalError(f"old records cannot be deleted: {error}"))
            return
        future.set_result(deleted)

    def _failed(self, why: str) -> None:
        told, self.fault = self.fault, why
        if told is None:
            LOGGER.error("! records cannot be written: %s", why)
            if self._on_fault is not None:
                self._on_fault(why)

    def _worked(self) -> None:
        told, self.fault = self.fault, None
        if told is not None:
            LOGGER.info("= records can be written again")
            if self._on_fault is not None:
                self._on_fault(None)
