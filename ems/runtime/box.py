"""Between the EEBUS stack and the control core: renames, rounds down, records; decides nothing.

The answer to the control box leaves after :meth:`Box.deliver` returned: when the new limit is on
disk, 100 ms at the longest (I-05). The devices do not wait for the disk.
"""

from __future__ import annotations

import asyncio
import logging
import math
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from eebus.node.events import PeerConnected, PeerDisconnected, PeerPending, PeerRefused, PeerTrusted
from eebus.usecases.lpc.events import LimitStateChanged, ScenarioMissing, WriteJudged
from ems.control.commands import Alarm
from ems.control.events import LpcChanged
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.journal.record import Kind

if TYPE_CHECKING:
    from drivers.api import Clock
    from ems.runtime.controller import Controller
    from ems.runtime.durable import StateWriter
    from ems.runtime.proof import Proof

LOGGER = logging.getLogger(__name__)
Json: TypeAlias = Any

LIMITED = "limited"
FAILSAFE = "failsafe"
LIMIT_FUNCTION = "loadControlLimitListData"
LIMIT = "limit"
HEARTBEAT = "heartbeat"  # one alarm, whichever box fell silent
REFUSALS_TOLD = 20
REFUSALS_PERIOD_S = 60.0
MAX_W = 10**9  # what the control core, the journal and JSON carry without thinking


def watts_floor(value: Decimal) -> int:
    """Whole watts, rounded down (R-14A-09); absurdly large values become 1 GW."""
    return int(min(value, Decimal(MAX_W)).to_integral_value(ROUND_FLOOR))


def limit_of(event: LimitStateChanged) -> GridLimit:
    """What the state asks for; 0 W is a limit, only ``None`` is none (F-11)."""
    if event.limit_w is None:
        return UNLIMITED
    source = Source.EEBUS if event.state == LIMITED else Source.FAILSAFE
    return Limited(watts_floor(event.limit_w), source)


class Box:
    """The control box as the rest of the service sees it."""

    def __init__(
        self, controller: Controller, writer: StateWriter, proof: Proof, clock: Clock
    ) -> None:
        """Hand limits to ``controller``, wait for ``writer``, record with ``proof``."""
        self._clock = clock
        self._refusals_since = -math.inf
        self._refusals = 0
        self._untold = 0
        self._controller = controller
        self._writer = writer
        self._proof = proof
        self.state = "init"
        self.failsafe_w: int | None = None
        self.failsafe_duration_s: float | None = None
        self.failsafe_from_box = False
        self.missing_scenarios: tuple[int, ...] = ()

    async def deliver(self, event: object) -> None:
        """Take one event of the stack; returns when what it changed is durable."""
        match event:
            case LimitStateChanged():
                self._limit_changed(event)
                await asyncio.sleep(0)  # noqa: TID251  # a turn of the loop: the workers write first
                self._controller.settle()
                if not await self._writer.durable():
                    self._proof.note(Kind.DISK_DELAY, {"delay_ms": 100, "what": "state"})
            case WriteJudged():
                self._write_judged(event)
            case ScenarioMissing(peer=peer, numbers=numbers):
                self.missing_scenarios = numbers
                LOGGER.warning("! %s announces LPC without scenarios %s", peer[-8:], numbers)
            case (
                PeerPending() | PeerTrusted() | PeerConnected() | PeerDisconnected() | PeerRefused()
            ):
                self._peer_changed(event)
            case _:
                pass

    def _limit_changed(self, event: LimitStateChanged) -> None:
        told = "no limit" if event.limit_w is None else f"limit {event.limit_w} W"
        LOGGER.info("= LPC %s, %s (%s)", event.state, told, event.rule)
        lost = event.state == FAILSAFE
        if (event.state == FAILSAFE) != (self.state == FAILSAFE):
            params = {"limit_w": watts_floor(event.failsafe_w)}
            self._controller.alarm(
                Alarm(code="W-LPC-001", subject=HEARTBEAT, active=lost, params=params)
            )
        if event.state != self.state:
            data = {"state": event.state, "rule": event.rule, "peer": event.peer}
            self._proof.note(Kind.LPC_STATE, data)
        self.state = event.state
        self.failsafe_w = watts_floor(event.failsafe_w)
        self.failsafe_duration_s = event.failsafe_duration_s
        self.failsafe_from_box = event.failsafe_from_box
        self._controller.submit(
            LpcChanged(
                state=event.state,
                limit=limit_of(event),
                expires_at=event.expires_at,
                failsafe_w=self.failsafe_w,
                failsafe_duration_s=event.failsafe_duration_s,
                failsafe_from_box=event.failsafe_from_box,
                binding_until=event.binding_until,
                peer=event.peer,
                rule=event.rule,
            )
        )

    def _write_judged(self, event: WriteJudged) -> None:
        data: dict[str, Json] = {
            "peer": event.peer,
            "msg_counter": event.msg_counter,
            "function": event.function,
            "value_w": _number(event.value_w),
            "duration_s": event.duration_s,
            "active": event.active,
            "error_number": event.error_number,
            "rule": event.rule,
            "reason": event.reason,
        }
        if event.error_number:
            self._refused(event, data)
            return
        self._tell_refused(event.function, None)
        if event.function == LIMIT_FUNCTION:
            self._proof.note(Kind.WRITE_ACCEPTED, data)
        else:
            self._proof.note(Kind.FAILSAFE_WRITTEN, data)
            LOGGER.info("= I-LPC-010 the control box set a failsafe value: %s", data)

    def _refused(self, event: WriteJudged, data: dict[str, Json]) -> None:
        """Each one is recorded, unless the box floods us: then they are counted (TM-28)."""
        self._tell_refused(event.function, event.reason)
        now = self._clock.monotonic()
        if now >= self._refusals_since + REFUSALS_PERIOD_S:
            self._refusals_since, self._refusals = now, 0
        self._refusals += 1
        if self._refusals > REFUSALS_TOLD:
            self._untold += 1
            return
        untold, self._untold = self._untold, 0
        LOGGER.warning(
            "! %s refused: %s (%s)%s",
            event.function,
            event.reason,
            event.rule,
            f", after {untold} that were not told" if untold else "",
        )
        self._proof.note(Kind.WRITE_REFUSED, {**data, **({"untold": untold} if untold else {})})

    def _tell_refused(self, function: str, why: str | None) -> None:
        """E-LPC-002, until the box orders something that can be obeyed."""
        params: dict[str, str | int] = {} if why is None else {"why": why}
        subject = LIMIT if function == LIMIT_FUNCTION else FAILSAFE
        self._controller.alarm(
            Alarm(code="E-LPC-002", subject=subject, active=why is not None, params=params)
        )

    def _peer_changed(self, event: object) -> None:
        match event:
            case PeerPending(ski=ski, host=host):
                LOGGER.info("= %s at %s asks for pairing", ski[-8:], host)
                self._proof.note(Kind.PAIRING, {"ski": ski, "what": "pending", "host": host})
            case PeerTrusted(ski=ski):
                self._proof.note(Kind.PAIRING, {"ski": ski, "what": "trusted"})
            case PeerConnected(ski=ski):
                LOGGER.info("= %s connected", ski[-8:])
                self._proof.note(Kind.PAIRING, {"ski": ski, "what": "connected"})
            case PeerDisconnected(ski=ski, reason=reason):
                LOGGER.info("x %s disconnected: %s", ski[-8:], reason)
                self._proof.note(
                    Kind.PAIRING, {"ski": ski, "what": "disconnected", "reason": reason}
                )
            case PeerRefused(ski=ski, reason=reason):
                LOGGER.info("x %s refused: %s", ski[-8:], reason)
            case _:
                pass


def _number(value: Decimal | None) -> float | int | None:
    """A wire value for the record; what JSON cannot carry exactly becomes the nearest float."""
    if value is None:
        return None
    if value == value.to_integral_value() and abs(value) < MAX_W:
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None
