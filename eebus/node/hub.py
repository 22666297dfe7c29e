"""The single owner of the actors: SPINE device, use cases and peer book live on one task.

Everybody else reaches them by ``call``. After every input the events are delivered first, which
returns when the state is durable (I-05), then the datagrams leave: an answer never overtakes its
event. Each connection has at most one call open, so a flooding peer cannot fill the queue before
the others (I-08).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from eebus.wire.errors import EebusError, LocalUseError

if TYPE_CHECKING:
    from eebus.node.clock import Clock
    from eebus.node.peers import Session
    from eebus.wire.ejson import JsonValue

T = TypeVar("T")
MAX_JOBS: Final = 1024  # 128 connections with a few calls each, and the local interfaces


class Owned(Protocol):
    """What the hub drives; ``eebus.usecases.build.Actors`` is one."""

    @property
    def deadline(self) -> float | None: ...
    def connect(self, peer: str, now: float) -> None: ...
    def disconnect(self, peer: str, now: float) -> None: ...
    def receive(self, peer: str, payload: JsonValue, now: float) -> None: ...
    def handle_timer(self, now: float) -> None: ...
    def settle(self, now: float) -> None: ...
    def take_datagrams(self) -> list[tuple[str, JsonValue]]: ...
    def take_closures(self) -> list[tuple[str, str]]: ...
    def take_events(self) -> list[object]: ...


class Router(Protocol):
    """The peers as the hub needs them: who is there, and the way to their links."""

    @property
    def deadline(self) -> float | None: ...
    def handle_timer(self, now: float) -> None: ...
    def take_sessions(self) -> list[Session]: ...
    def take_events(self) -> list[object]: ...
    def send(self, peer: str, payload: JsonValue) -> None: ...
    def close_peer(self, peer: str, reason: str) -> None: ...


A = TypeVar("A", bound=Owned)


@dataclass(frozen=True, slots=True)
class _Job(Generic[A]):
    work: Callable[[A, float], Any]  # what comes out goes to whom called, with its type
    done: asyncio.Future[Any] | None  # nobody waits for a post

    def finish(self, result: object, error: EebusError | None = None) -> None:
        if self.done is None or self.done.done():
            return
        if error is None:
            self.done.set_result(result)
        else:
            self.done.set_exception(error)

    def drop(self) -> None:
        if self.done is not None and not self.done.done():
            self.done.cancel()


class Hub(Generic[A]):
    """Runs jobs one after the other; timers first, so that a flood cannot starve them."""

    def __init__(
        self,
        actors: A,
        router: Router,
        clock: Clock,
        deliver: Callable[[object], Awaitable[None]],
    ) -> None:
        self._actors = actors
        self._router = router
        self._clock = clock
        self._deliver = deliver
        self._jobs: deque[_Job[A]] = deque()
        self._bell = asyncio.Event()
        self._owner: asyncio.Task[Any] | None = None

    async def call(self, work: Callable[[A, float], T]) -> T:
        """Run ``work(actors, now)`` on the owner's task; returns after events and datagrams left.

        Raises what ``work`` raises of ``EebusError``, ``LocalUseError`` when called from
        ``deliver`` (it would wait for itself) or when too many callers wait.
        """
        if asyncio.current_task() is self._owner:
            raise LocalUseError("the hub cannot wait for itself: do not call it from deliver()")
        if len(self._jobs) >= MAX_JOBS:
            raise LocalUseError(f"more than {MAX_JOBS} calls wait for the hub")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(work, done))
        self._bell.set()
        return await done

    def post(self, work: Callable[[A, float], None]) -> None:
        """Like ``call`` for those who cannot wait (a link that ends); bounded by their number."""
        self._jobs.append(_Job(work, None))
        self._bell.set()

    async def run(self) -> None:
        """Own the actors until cancelled."""
        self._owner = asyncio.current_task()
        try:
            while True:
                await self._step()
        finally:
            self._owner = None
            while self._jobs:
                self._jobs.popleft().drop()

    async def _step(self) -> None:
        now = self._clock.monotonic()
        due = self._deadline()
        if due is not None and now >= due:
            self._router.handle_timer(now)
            self._actors.handle_timer(now)
            await self._settle()
        elif self._jobs:
            await self._do(self._jobs.popleft())
        else:
            self._bell.clear()
            await self._clock.wait_for(self._bell.wait(), until=due)

    async def _do(self, job: _Job[A]) -> None:
        result, fault = None, None
        try:
            result = job.work(self._actors, self._clock.monotonic())
        except EebusError as error:
            fault = error
        try:
            await self._settle()
            job.finish(result, fault)
        finally:
            job.drop()  # whoever waits must not wait for a hub that is no more

    async def _settle(self) -> None:
        now = self._clock.monotonic()
        for session in self._router.take_sessions():
            self._begin_or_end(session, now)
        self._actors.settle(now)
        for event in (*self._router.take_events(), *self._actors.take_events()):
            await self._deliver(event)
        for peer, payload in self._actors.take_datagrams():
            self._router.send(peer, payload)
        for peer, reason in self._actors.take_closures():
            self._router.close_peer(peer, reason)

    def _begin_or_end(self, session: Session, now: float) -> None:
        if not session.is_up:
            self._actors.disconnect(session.peer, now)
            return
        self._actors.connect(session.peer, now)
        for payload in session.held:
            self._actors.receive(session.peer, payload, now)

    def _deadline(self) -> float | None:
        parts = (self._router.deadline, self._actors.deadline)
        return min((at for at in parts if at is not None), default=None)
