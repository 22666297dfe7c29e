"""A complete EEBUS node on the network: listens, dials, announces, and drives one set of actors."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from eebus.node.admission import Admission
from eebus.node.announcement import Announcement
from eebus.node.dialer import Dialer
from eebus.node.discovered import Discovered
from eebus.node.events import Fault, PairError
from eebus.node.hub import A, Hub
from eebus.node.listener import Listener
from eebus.node.peers import PeerBook
from eebus.node.plan import Plan, statuses
from eebus.node.saver import Saver
from eebus.node.sessions import Own, Sessions
from eebus.node.tls import TlsContext
from eebus.ship.discovery import ServiceRecord, build_txt, txt_rdata
from eebus.ship.trust import CONTROL_BOX, PeerRole, TrustedPeer

if TYPE_CHECKING:
    from eebus.node.clock import Clock
    from eebus.node.config import NodeConfig
    from eebus.node.events import NodeEvent, PeerStatus
    from eebus.node.identity_store import Identity
    from eebus.node.trust_store import TrustStore
    from eebus.ship.ski import Ski

LOGGER = logging.getLogger(__name__)

T = TypeVar("T")
SHUTDOWN: Final = "shutdown"
NOT_IN_HOST_NAMES: Final = re.compile(r"[^a-z0-9-]+")


class Node(Generic[A]):
    """One process's EEBUS side; ``run`` owns every task of it.

    ``deliver`` is awaited for each event before any datagram that followed from it leaves (I-05);
    it must not call back into the node and wait.
    """

    def __init__(
        self,
        *,
        config: NodeConfig,
        identity: Identity,
        actors: A,
        trust: TrustStore,
        clock: Clock,
        deliver: Callable[[NodeEvent], Awaitable[None]],
    ) -> None:
        self.ready = asyncio.Event()
        self.port = 0
        self.trust = trust
        self._config = config
        self._identity = identity
        self._clock = clock
        self._discovered = Discovered(identity.ski)
        self._book = PeerBook(
            identity.ski,
            trust.load(identity.ski),  # before listener and mDNS, so that nobody is denied (F-06)
            self._discovered,
            changed=self._on_change,
            now=clock.monotonic(),
        )
        self._hub: Hub[A] = Hub(actors, self._book, clock, deliver)
        admission = Admission(config.admission)
        context = TlsContext(identity.cert_pem, identity.key_pem, config.tls)
        ship_id = config.ship_id or identity.ship_id
        own = Own(config, identity.ski, ship_id, context, clock)
        self._sessions = Sessions(own, self._hub, self._book, admission)
        self._plan = Plan(self._book, config.path, dials=not config.is_server_only)
        self._dialer = Dialer(self._plan, self._sessions.dial, clock)
        self._saver = Saver(trust, self._book.trust, clock)
        self._listener = Listener(
            context,
            self._sessions.judge_incoming,
            admission,
            clock,
            serve=self._sessions.serve,
            is_known_host=self._book.is_known_host,
        )
        self._quiet = asyncio.Event()
        self._mdns: asyncio.Task[None] | None = None
        self._problems: list[Callable[[], str]] = [
            lambda: self._listener.problem,
            lambda: self._saver.problem,
        ]

    # --- life

    async def run(self) -> None:
        """Serve until cancelled; then every peer is told goodbye within ``config.stop_s``."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work) for work in self._works()]
            if self._config.mdns:
                self._mdns = tasks.create_task(self._run_mdns())
                running.append(self._mdns)
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if not running[0].done():  # the hub; a node that broke down just falls
                    await self._say_goodbye()
                raise
            finally:
                self.ready.clear()
                self._sessions.close()
                for task in running:
                    task.cancel()

    def _works(self) -> list[Coroutine[Any, Any, None]]:
        works: list[Coroutine[Any, Any, None]] = [
            self._hub.run(),
            self._saver.run(),
            self._dialer.run(),
        ]
        if self._config.listen:
            listening = self._listener.run(
                self._config.interfaces, self._config.port, self._on_bound
            )
            works.append(listening)
        else:
            self.ready.set()
        return works

    async def _run_mdns(self) -> None:
        from eebus.node.mdns import Mdns  # noqa: PLC0415  # 10 MB that a run without mDNS saves

        await self.ready.wait()  # nobody is invited before the door is open
        mdns = Mdns(
            self._config.interfaces,
            self._clock,
            found=self._on_found,
            gone=self._discovered.gone,
        )
        self._problems.append(lambda: mdns.problem)
        await mdns.run(self._announcement())

    async def _say_goodbye(self) -> None:
        """Queued results first, then ``connectionClose`` to all (H-78).

        Meanwhile mDNS withdraws what it announced: the door closes when nobody is invited any more.
        """
        self._listener.stop()
        self._plan.stop()
        try:
            async with asyncio.timeout(self._config.stop_s):
                if self._mdns is not None:
                    self._mdns.cancel()
                await self._hub.call(lambda _actors, _now: self._book.close_all(SHUTDOWN))
                while self._book.link_count:
                    self._quiet.clear()
                    await self._quiet.wait()
                if self._mdns is not None:
                    await asyncio.wait({self._mdns})
        except TimeoutError:
            LOGGER.info("= %d links did not end in time", self._book.link_count)

    # --- for the application

    async def call(self, work: Callable[[A, float], T]) -> T:
        """Run ``work(actors, now)`` on the owner's task; events are delivered, datagrams sent."""
        return await self._hub.call(work)

    def peers(self) -> list[PeerStatus]:
        """Everybody we know, trusted ones first."""
        return statuses(self._book, self._clock.monotonic())

    def discovered(self) -> list[ServiceRecord]:
        """What mDNS shows now, without ourselves."""
        return self._discovered.all()

    @property
    def problems(self) -> list[str]:
        """What does not work at the moment: port, mDNS, trust store."""
        told = [problem() for problem in self._problems]
        return [*self.trust.damaged, *filter(None, told)]

    @property
    def window_until(self) -> float | None:
        """End of the pairing window [protocol s]; ``None`` while it is closed."""
        until = self._book.trust.window_until
        return until if self._book.trust.is_window_open(self._clock.monotonic()) else None

    @property
    def asks_user(self) -> bool:
        """Whether unknown SKIs are presented to the user at the moment (first-plant.md 4)."""
        return self._book.trust.asks_user(self._clock.monotonic())

    async def accept(self, ski: Ski, *, name: str = "", role: PeerRole = CONTROL_BOX) -> None:
        """Trust a SKI that waits; it goes on in the same handshake. ``PairError`` if none waits."""

        def work(_actors: A, now: float) -> None:
            if all(peer.ski != ski for peer in self._book.trust.pending(now)):
                raise PairError(Fault.NOT_FOUND, f"SKI {ski} is not waiting for a decision")
            self._trust(TrustedPeer(ski=ski, name=name, role=role), now)

        await self._hub.call(work)
        await self._saver.flush()

    async def add(
        self,
        ski: Ski,
        host: str | None = None,
        port: int | None = None,
        role: PeerRole = CONTROL_BOX,
        *,
        name: str = "",
    ) -> None:
        """Trust a SKI that was typed or scanned, or change its address; ``PairError`` for ours."""

        def work(_actors: A, now: float) -> None:
            self._trust(TrustedPeer(ski=ski, host=host, port=port, role=role, name=name), now)

        await self._hub.call(work)
        await self._saver.flush()

    async def reject(self, ski: Ski) -> None:
        """Do not trust a SKI; its connection ends and it is not asked about for five minutes."""
        await self._hub.call(lambda _actors, now: self._book.refuse_peer(ski, now))
        await self._saver.flush()

    async def remove(self, ski: Ski) -> None:
        """Withdraw trust (TC_SHIP_TERM_001); ``LocalUseError`` when there was none."""
        await self._hub.call(lambda _actors, _now: self._book.remove_peer(ski))
        await self._saver.flush()

    async def open_window(self, seconds: float) -> float:
        """Let unknown SKIs ask for ``seconds``; returns the end [protocol s]."""
        return await self._hub.call(lambda _actors, now: self._book.trust.open_window(seconds, now))

    async def close_window(self) -> None:
        """Unknown SKIs may no longer ask once a control box is paired."""
        await self._hub.call(lambda _actors, _now: self._book.trust.close_window())

    # --- inside

    def _trust(self, peer: TrustedPeer, now: float) -> None:
        if peer.ski == self._identity.ski:
            raise PairError(Fault.OWN_SKI, "this is our own SKI")
        known = self._book.trust.find(peer.ski)
        utc = self._clock.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
        peer = replace(
            peer,
            trusted_at=known.trusted_at if known else utc,
            ship_id=known.ship_id if known else self._book.state_of(peer.ski, now).ship_id,
            host=peer.host or (known.host if known else None),
            port=peer.port or (known.port if known else None),
            name=peer.name or (known.name if known else ""),
        )
        self._book.trust_peer(peer, now)

    def _on_change(self, ski: Ski | None) -> None:
        if ski is None:
            self._saver.mark()
        self._quiet.set()
        self._dialer.kick(ski)

    def _on_bound(self, port: int) -> None:
        self.port = port
        LOGGER.info("= SHIP listens on port %d, SKI %s", port, self._identity.ski)
        self.ready.set()

    def _on_found(self, record: ServiceRecord) -> None:
        trusted = {peer.ski for peer in self._book.trust.trusted}
        if self._discovered.found(record, trusted=trusted) and record.ski in trusted:
            self._hub.post(partial(self._seen, record))

    def _seen(self, record: ServiceRecord, _actors: A, now: float) -> None:
        if self._plan.seen(record, now):
            self._dialer.kick(record.ski)

    def _announcement(self) -> Announcement | None:
        if not (self._config.announce and self._config.listen):
            return None
        config, identity = self._config, self._identity
        serial = config.serial or identity.serial
        record = ServiceRecord(
            ski=identity.ski,
            ship_id=config.ship_id or identity.ship_id,
            path=config.path,
            brand=config.brand,
            model=config.model,
            device_type=config.device_type,
            serial=serial,
            categories=config.categories,
        )
        return Announcement(
            instance=config.instance_name or f"{config.brand}-{config.model}-{serial}",
            host_name=NOT_IN_HOST_NAMES.sub("-", f"{config.model}-{serial}".lower()),
            port=self.port,
            txt=txt_rdata(build_txt(record)),
        )
