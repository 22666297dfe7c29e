"""A service socket that answers what the test says; for the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ems.runtime.service import CallError, Service

STREAMS = ("timeline", "status", "contact.watch")


@contextmanager
def fake_service(path: Path, answers: Mapping[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    """Serve ``answers`` by call name; an exception is raised, an iterator gives one after another.

    ``answers["stream"]``: what every stream sends. Gives the calls that came in.
    """
    came: list[tuple[str, Any]] = []
    ready, stop = threading.Event(), threading.Event()

    def call_of(name: str, answer: Any) -> Any:
        async def call(args: Mapping[str, Any]) -> Any:
            came.append((name, dict(args)))
            if isinstance(answer, CallError):
                raise answer
            return next(answer) if isinstance(answer, Iterator) else answer

        return call

    async def stream(args: Mapping[str, Any]) -> AsyncIterator[Any]:
        for point in answers.get("stream", ()):
            yield point

    async def serve() -> None:
        calls = {name: call_of(name, answer) for name, answer in answers.items()}
        task = asyncio.ensure_future(Service(path, calls, dict.fromkeys(STREAMS, stream)).run())
        while not path.exists():
            await asyncio.sleep(0.001)
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        ready.wait(5)
        yield came
    finally:
        stop.set()
        thread.join(5)
