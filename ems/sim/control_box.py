"""``ems sim control-box``: an energy guard with the same stack, for demo, tests and other EMS.

Trusts exactly one SKI, dials it or waits to be dialled, obeys one command per line
(:mod:`ems.sim.script`) and tells what happens as JSON lines. Contract: docs/borders.md 10.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.events import PeerConnected, PeerDisconnected, PeerPending, PeerRefused
from eebus.node.identity_store import IdentityProfile, IdentityStoreError, open_or_create
from eebus.node.node import Node
from eebus.node.trust_store import TrustStore
from eebus.node.warm import prepare_codecs
from eebus.ship.ski import parse_ski
from eebus.ship.trust import CONTROL_BOX
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc import events as lpc
from eebus.usecases.lpc.client import EnergyGuard, Limit
from eebus.usecases.lpc.spec import LPC_CS
from eebus.wire.errors import EebusError
from ems.sim.script import (
    Action,
    Heartbeat,
    Line,
    Quit,
    RawLimit,
    ReleaseLimit,
    SetFailsafe,
    SetLimit,
    Wait,
    parse_line,
    parse_script,
)
from ems.sim.stdio import emit, input_lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from eebus.node.clock import Clock
    from eebus.node.identity_store import Identity

EXIT_INPUT: Final = 3
EXIT_PORT: Final = 6
OPEN_S: Final = 2.0
"""Real seconds for the port to open."""
BRAND: Final = "ControlBox"
MODEL: Final = "sim"
RELEASE_W: Final = Decimal(4_200)
"""Value of a released limit when none above zero was ever wanted: some peers refuse 0 W."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlBoxOptions:
    """Options of ``ems sim control-box``.

    Attributes:
        identity: folder of key, certificate and trust of this box; made at the first start.
        peer: SKI of the EMS, the only one that is trusted.
        dial: ``(host, port)`` to dial; ``None``: wait to be dialled, or dial what mDNS shows.
        listen: port to be dialled on (0: any); ``None``: only with ``dial`` or mDNS.
        script: file with commands; ``None``: lines of standard input.
        interfaces: addresses to listen and announce on; empty: all.
        mdns: announce this box and look for the peer by mDNS.
        speed, epoch: protocol clock, shared with the EMS and the site.
    """

    identity: Path
    peer: str
    dial: tuple[str, int] | None = None
    listen: int | None = None
    script: Path | None = None
    interfaces: tuple[str, ...] = ()
    mdns: bool = False
    speed: float = 1.0
    epoch: float = 0.0


async def run_control_box(
    options: ControlBoxOptions,
    *,
    say: Callable[[Any], None] = emit,
    lines: AsyncIterator[str] | None = None,
) -> int:
    """Play the box until told to stop; the exit code (0, 3 input or identity, 6 port taken)."""
    clock = SystemClock(speed=options.speed, epoch=options.epoch)
    try:
        peer = parse_ski(options.peer)
        script = None if options.script is None else parse_script(options.script.read_text("utf-8"))
        store = TrustStore(options.identity)
        profile = IdentityProfile(brand=BRAND, model=MODEL)
        identity = open_or_create(
            options.identity, profile, clock.utcnow(), was_paired=store.exists
        )
    except (EebusError, IdentityStoreError, ValueError, OSError) as error:
        say({"event": "failed", "why": str(error)})
        return EXIT_INPUT
    box = ControlBox(options, identity, store, clock, say)
    source = _scripted(script) if script is not None else _parsed(lines, box.complain)
    code = 0
    try:
        await box.run(peer, source)
    except* OSError as errors:
        code = _failed(errors, EXIT_PORT, say)
    except* EebusError as errors:  # the own SKI as peer
        code = _failed(errors, EXIT_INPUT, say)
    return code


def _failed(
    errors: BaseExceptionGroup[BaseException], code: int, say: Callable[[Any], None]
) -> int:
    """Name the first cause."""
    first = errors
    while isinstance(cause := first.exceptions[0], BaseExceptionGroup):
        first = cast("BaseExceptionGroup[BaseException]", cause)
    say({"event": "failed", "why": str(cause)})
    return code


class ControlBox:
    """One energy guard on one node."""

    def __init__(
        self, options: ControlBoxOptions, identity: Identity, store: TrustStore, clock: Clock,
        say: Callable[[Any], None],
    ) -> None:  # fmt: skip
        self._options = options
        self._identity = identity
        self._clock = clock
        self._say = say
        self._started_at = clock.monotonic()
        self._speed = options.speed
        self._last_w = RELEASE_W
        self._quit = asyncio.Event()
        prepare_codecs((LPC_CS,))
        self.guard = EnergyGuard(utcnow=clock.utcnow)
        info = DeviceInfo(
            address=f"d:_n:{BRAND}_{identity.serial}",
            device_type="ElectricitySupplySystem",
            brand=BRAND,
            model=MODEL,
            serial=identity.serial,
        )
        device = build_device(info, (self.guard,), clock.monotonic())
        self.node: Node[Actors] = Node(
            config=_node_config(options),
            identity=identity,
            actors=Actors(device, (self.guard,)),
            trust=store,
            clock=clock,
            deliver=self._deliver,
        )

    async def run(self, peer: str, source: AsyncIterator[Line]) -> None:
        """Serve until ``quit``, SIGTERM or SIGINT; say goodbye to the peer."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._quit.set)
        async with asyncio.TaskGroup() as tasks:
            node = tasks.create_task(self.node.run())
            obey = tasks.create_task(self._begin(peer, source))
            await self._quit.wait()
            obey.cancel()
            node.cancel()
        self.tell("stopped")

    def tell(self, event: str, **facts: Any) -> None:  # noqa: ANN401  # JSON
        """One line on standard output; ``t_s``: protocol seconds since the start."""
        t_s = round(self._clock.monotonic() - self._started_at, 3)
        self._say({"event": event, "t_s": t_s, **facts})

    def complain(self, line: str, why: str) -> None:
        """A line that cannot be obeyed changes nothing."""
        self.tell("error", line=line, why=why)

    async def _begin(self, peer: str, source: AsyncIterator[Line]) -> None:
        """Trust the peer alone: once a control box is known, other SKIs are aborted."""
        host, port = self._options.dial or (None, None)
        opened_by = self._clock.monotonic() + OPEN_S * self._speed
        if await self._clock.wait_for(self.node.ready.wait(), opened_by) is None:
            raise OSError("; ".join(self.node.problems) or "the SHIP port did not open")
        await self.node.add(parse_ski(peer), host=host, port=port, role=CONTROL_BOX)
        identity = self._identity
        self.tell("started", ski=identity.ski, ship_id=identity.ship_id, port=self.node.port)
        async for line in source:
            if line.at_s is not None:
                await self._clock.sleep_until(self._started_at + line.at_s)
            match line.action:
                case Wait(seconds=seconds):
                    await self._clock.sleep_until(self._clock.monotonic() + seconds)
                case Quit():
                    self._quit.set()
                case action:
                    await self._do(action)

    async def _do(self, action: Action) -> None:
        guard = self.guard
        match action:
            case SetLimit(power_w=power_w, duration_s=duration_s):
                self._last_w = power_w or self._last_w
                limit = Limit(active=True, value_w=power_w, duration_s=duration_s)
                await self.node.call(lambda _, now: guard.set_limit(None, limit, now))
            case ReleaseLimit():
                limit = Limit(active=False, value_w=self._last_w)
                await self.node.call(lambda _, now: guard.set_limit(None, limit, now))
            case RawLimit(power_w=power_w):
                limit = Limit(active=True, value_w=power_w)
                written = await self.node.call(lambda _, now: guard.write_raw(None, limit, now))
                if not written:
                    self.complain(f"raw {power_w}", "no controllable system is ready")
            case Heartbeat(on=True):
                await self.node.call(lambda _, now: guard.start_heartbeat(now))
            case Heartbeat():
                await self.node.call(lambda _, now: guard.stop_heartbeat(now))
            case SetFailsafe(power_w=limit_w, duration_s=duration_s):
                await self.node.call(
                    lambda _, now: guard.set_failsafe(
                        None, now, limit_w=limit_w, duration_s=duration_s
                    )
                )
            case _:
                raise AssertionError(f"{action} is no order to the guard")

    async def _deliver(self, event: object) -> None:
        match event:
            case PeerConnected(ski=ski, direction=direction):
                self.tell("connected", ski=ski, direction=direction.value)
            case PeerDisconnected(ski=ski, reason=reason):
                self.tell("disconnected", ski=ski, reason=reason)
            case PeerPending(ski=ski):
                self.tell("untrusted", ski=ski)
            case PeerRefused(ski=ski, reason=reason):
                self.tell("refused", ski=ski, reason=reason)
            case lpc.CsFound(peer=peer, entity=entity):
                self.tell("cs_found", peer=peer, entity=list(entity))
            case lpc.CsUnusable(peer=peer, reason=reason):
                self.tell("cs_unusable", peer=peer, reason=reason)
            case lpc.HeartbeatSent():
                self.tell("heartbeat")
            case lpc.HeartbeatReceived(peer=peer):
                self.tell("heartbeat_received", peer=peer)
            case lpc.HeartbeatLost(peer=peer):
                self.tell("heartbeat_lost", peer=peer)
            case _:
                self._deliver_data(event)

    def _deliver_data(self, event: object) -> None:
        match event:
            case lpc.LimitAnswered(error_number=None):
                self.tell("unanswered", what="limit")
            case lpc.LimitAnswered() as answer:
                self.tell("answer", **self._answer(answer))
            case lpc.FailsafeAnswered(error_number=None):
                self.tell("unanswered", what="failsafe")
            case lpc.FailsafeAnswered() as answer:
                self.tell("failsafe_answer", **self._answer(answer))
            case lpc.CsState() as state:
                self.tell(
                    "cs_state",
                    active=state.active,
                    value_w=_number(state.value_w),
                    end=state.end or None,
                    changeable=state.changeable,
                )
            case lpc.FailsafeRead(limit_w=limit_w, duration_s=duration_s):
                self.tell("cs_failsafe", limit_w=_number(limit_w), duration_s=duration_s)
            case lpc.NominalMaxRead(kind=kind, value_w=value_w):
                self.tell("cs_nominal_max", kind=kind, value_w=_number(value_w))
            case _:
                pass

    def _answer(self, answer: lpc.LimitAnswered | lpc.FailsafeAnswered) -> dict[str, Any]:
        """``ms``: real milliseconds from the write to its result."""
        return {
            "peer": answer.peer,
            "error_number": answer.error_number,
            "description": answer.description,
            "ms": round(answer.duration_s / self._speed * 1_000, 2),
        }


def _node_config(options: ControlBoxOptions) -> NodeConfig:
    return NodeConfig(
        port=options.listen or 0,
        interfaces=options.interfaces,
        brand=BRAND,
        model=MODEL,
        device_type="ElectricitySupplySystem",
        categories=(1,),
        mdns=options.mdns,
        listen=options.listen is not None or options.dial is None,
        is_server_only=options.dial is None and not options.mdns,
    )


def _number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


async def _scripted(script: list[Line]) -> AsyncIterator[Line]:
    for line in script:
        yield line


async def _parsed(
    lines: AsyncIterator[str] | None, complain: Callable[[str, str], None]
) -> AsyncIterator[Line]:
    """Lines as they come; a bad one is named and skipped."""
    async for text in lines if lines is not None else input_lines(sys.stdin):
        try:
            line = parse_line(text)
        except ValueError as error:
            complain(text, str(error))
            continue
        if line is not None:
            yield line
