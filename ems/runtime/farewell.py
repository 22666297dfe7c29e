"""What the service still does for its devices before it ends (reliability.md 10)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ems.control.grid_limit import Limited
from ems.control.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ems.control.decision import Decision
    from ems.runtime.workers import LoadWorker

LET_GO_S = 3.0  # real seconds


async def free_who_waits(decision: Decision, workers: Mapping[str, LoadWorker]) -> None:
    """Where nothing limits, nobody stays capped because the service ends.

    A release is staggered over up to 30 s; who still waits for it is freed now.
    """
    if isinstance(decision.effective, Limited):
        return
    waiting = [
        workers[view.load_id]
        for view in decision.loads
        if view.online
        and view.reason.code is ReasonCode.UNLIMITED
        and not workers[view.load_id].freed.is_set()
    ]
    for worker in waiting:
        worker.let_go()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LET_GO_S):
            await asyncio.gather(*(worker.freed.wait() for worker in waiting))
