"""The EEBUS side of the service: identity, trust, node, LPC; imported late, after the contact.

A damaged identity or an occupied port never stops the rest: the EMS stays at the failsafe limit,
says so by an alarm, and tries again (F-09, reliability.md 10).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from eebus.node.config import NodeConfig
from eebus.node.identity_store import IdentityProfile, IdentityStoreError, open_or_create
from eebus.node.node import Node
from eebus.node.trust_store import TrustStore
from eebus.node.warm import prepare_codecs
from eebus.spine.addresses import own_device_address
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.limit_values import AfterFailsafe
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from eebus.usecases.lpc.spec import LPC_CS
from ems.control.commands import Alarm
from ems.journal.record import Kind
from ems.runtime.pairing import Pairing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from eebus.node.clock import Clock
    from eebus.node.identity_store import Identity
    from ems.config.schema import Site
    from ems.control.saved import SavedState
    from ems.runtime.box import Box
    from ems.runtime.controller import Controller
    from ems.runtime.proof import Proof

LOGGER = logging.getLogger(__name__)
Json: TypeAlias = Any

RETRY_S = 10.0
LOOK_S = 2.0


def prepare() -> None:
    """Do what the first contact of a box would wait for; in a thread, before `Partners` runs."""
    prepare_codecs((LPC_CS,))


@dataclass(frozen=True, slots=True)
class Folders:
    """Where key and certificate lie, and where the trust store does."""

    identity: Path
    state: Path


class Partners:
    """Owns the node and the LPC server of the plant."""

    def __init__(
        self,
        site: Site,
        folders: Folders,
        *,
        clock: Clock,
        controller: Controller,
        box: Box,
        proof: Proof,
    ) -> None:
        """Nothing is opened yet; :meth:`run` does that."""
        self._site = site
        self._folders = folders
        self._clock = clock
        self._controller = controller
        self._box = box
        self._proof = proof
        self.identity: Identity | None = None
        self.node: Node[Actors] | None = None
        self.lpc: LpcServer | None = None
        self.pairing: Pairing | None = None

    def as_json(self, now: float) -> Json:
        """Identity, LPC state, heartbeats and peers for status."""
        lpc, node, identity = self.lpc, self.node, self.identity
        return {
            "ski": None if identity is None else identity.ski,
            "ship_id": None if identity is None else identity.ship_id,
            "fingerprint_sha256": None if identity is None else identity.fingerprint_sha256,
            "port": None if node is None or not node.ready.is_set() else node.port,
            "lpc_state": self._box.state,
            "failsafe_w": self._box.failsafe_w,
            "failsafe_duration_s": self._box.failsafe_duration_s,
            "failsafe_from_box": self._box.failsafe_from_box,
            "last_heartbeat_age_s": None if lpc is None else _age(lpc.last_heartbeat_at, now),
            "own_heartbeat_age_s": None if lpc is None else _age(lpc.own_heartbeat_at, now),
            "missing_scenarios": list(self._box.missing_scenarios),
            "peers": [] if self.pairing is None else self.pairing.peers(),
        }

    async def run(self, saved: Callable[[], SavedState | None], failsafe_w: int) -> None:
        """Open identity and trust, then serve and dial until cancelled.

        ``saved`` gives what is remembered *now*: it counts down while an identity is repaired, and
        a second call in one process begins with what the box has said since the first.
        ``failsafe_w``: configured failsafe limit [W]; a value the box wrote before counts instead.
        """
        identity = await self._open_identity()
        self.identity = identity
        self._proof.note(
            Kind.IDENTITY, {"ski": identity.ski, "fingerprint": identity.fingerprint_sha256}
        )
        now = self._clock.monotonic()
        self.lpc = LpcServer(
            self._lpc_config(saved(), failsafe_w, now), now, utcnow=self._clock.utcnow
        )
        eebus = self._site.eebus
        info = DeviceInfo(
            address=own_device_address(eebus.brand, identity.serial, eebus.vendor_number),
            brand=eebus.brand,
            model=eebus.model,
            serial=identity.serial,
        )
        actors = Actors(build_device(info, (self.lpc,), now), (self.lpc,))
        trust = TrustStore(self._folders.state)
        self.node = Node(
            config=self._node_config(),
            identity=identity,
            actors=actors,
            trust=trust,
            clock=self._clock,
            deliver=self._box.deliver,
        )
        self.pairing = Pairing(self.node, self.lpc, identity.ski, self._clock, self._proof)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.node.run())
            group.create_task(self._tell_problems(self.node))

    async def _tell_problems(self, node: Node[Actors]) -> None:
        """What does not work on the network is an alarm; the node itself goes on trying."""
        await node.call(lambda _actors, _now: None)  # what the machine has told before anybody came
        told: list[str] = []
        while True:
            if (problems := node.problems) != told:
                told = problems
                why: dict[str, str | int] = {"why": "; ".join(problems)} if problems else {}
                self._controller.alarm(
                    Alarm(code="E-NET-001", subject="eebus", active=bool(problems), params=why)
                )
            await self._clock.sleep_until(self._clock.monotonic() + LOOK_S)

    async def _open_identity(self) -> Identity:
        eebus = self._site.eebus
        profile = IdentityProfile(
            brand=eebus.brand, model=eebus.model, vendor_number=eebus.vendor_number
        )
        was_paired = TrustStore(self._folders.state).exists
        told = False
        while True:
            try:
                identity = open_or_create(
                    self._folders.identity, profile, self._clock.utcnow(), was_paired=was_paired
                )
            except (IdentityStoreError, OSError) as error:
                if not told:
                    LOGGER.error("! identity unusable, EEBUS is off: %s", error)  # noqa: TRY400
                    params: dict[str, str | int] = {"why": str(error)}
                    self._controller.alarm(
                        Alarm(code="E-ID-001", subject="identity", active=True, params=params)
                    )
                told = True
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
                continue
            self._controller.alarm(Alarm(code="E-ID-001", subject="identity", active=False))
            return identity

    def _lpc_config(self, saved: SavedState | None, failsafe_w: int, now: float) -> LpcServerConfig:
        signal, contract = self._site.signal, self._site.connection.contract_max_w
        value_w, duration_s, from_box, hold_until = (
            failsafe_w,
            signal.failsafe_duration_s,
            False,
            None,
        )
        if saved is not None and saved.failsafe_from_box and saved.failsafe_w is not None:
            value_w, from_box = saved.failsafe_w, True
            duration_s = int(saved.failsafe_duration_s or duration_s)
        if saved is not None and saved.failsafe_remaining_s is not None:
            hold_until = now + saved.failsafe_remaining_s
        return LpcServerConfig(
            failsafe_w=Decimal(value_w),
            failsafe_duration_s=float(duration_s),
            failsafe_from_box=from_box,
            contract_max_w=None if contract is None else Decimal(contract),
            hold_init_until=hold_until,
            after_failsafe=AfterFailsafe(signal.after_failsafe.value),
            tells_availability=self._site.eebus.tells_availability,
        )

    def _node_config(self) -> NodeConfig:
        eebus = self._site.eebus
        return NodeConfig(
            port=eebus.port,
            interfaces=tuple(eebus.interfaces),
            brand=eebus.brand,
            model=eebus.model,
            mdns=eebus.mdns,
        )


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else round(max(0.0, now - at), 1)
