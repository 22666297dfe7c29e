"""The calls about peers: list, discover, decide, wait, and why one is not connected."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from eebus.node.events import Fault, PairError
from eebus.ship.ski import parse_ski
from eebus.wire.errors import EebusError
from ems.journal.record import Kind
from ems.runtime.service import CallError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eebus.node.clock import Clock
    from eebus.node.events import PeerStatus
    from eebus.node.node import Node
    from eebus.ship.ski import Ski
    from eebus.usecases.build import Actors
    from eebus.usecases.lpc.server import LpcServer
    from ems.runtime.proof import Proof
    from ems.runtime.service import Call

Json: TypeAlias = Any

HEARTBEAT_FRESH_S = 120.0  # LPC-911: older means lost
DISCOVER_MAX_S = 120.0
WINDOW_MAX_S = 2 * 3600.0
MAX_PORT = 65_535
MAX_HOST = 253  # characters of a name, RFC 1035
ROLES: Final[dict[str, Literal["control_box", "device"]]] = {
    "control-box": "control_box",
    "device": "device",
}


class Pairing:
    """Speaks for one node."""

    def __init__(
        self, node: Node[Actors], lpc: LpcServer, own_ski: Ski, clock: Clock, proof: Proof
    ) -> None:
        """Answer about ``node``; ``lpc`` tells who is in control."""
        self._node = node
        self._lpc = lpc
        self._own_ski = own_ski
        self._clock = clock
        self._proof = proof

    def table(self) -> dict[str, Call]:
        """Calls by name."""
        return {
            "pair.list": self.list,
            "pair.discover": self.discover,
            "pair.add": self.add,
            "pair.accept": self.accept,
            "pair.reject": self.reject,
            "pair.remove": self.remove,
            "pair.window": self.window,
            "pair.wait": self.wait,
            "pair.why": self.why,
        }

    def peers(self) -> list[Json]:
        """All peers as JSON."""
        now = self._clock.monotonic()
        return [self._peer_json(peer, now) for peer in self._node.peers()]

    async def list(self, args: Mapping[str, Json]) -> Json:
        return {"peers": self.peers(), "window_s": round(self._window_s(), 1)}

    async def discover(self, args: Mapping[str, Json]) -> Json:
        seconds = min(DISCOVER_MAX_S, max(0.0, float(args.get("seconds", 5.0))))
        await self._clock.sleep_until(self._clock.monotonic() + seconds)
        services = [
            {
                "ski": service.ski,
                "ship_id": service.ship_id,
                "brand": service.brand,
                "model": service.model,
                "type": service.device_type,
                "host": service.addresses[0] if service.addresses else service.host,
                "port": service.port,
            }
            for service in self._node.discovered()
        ]
        return {"services": services}

    async def add(self, args: Mapping[str, Json]) -> Json:
        ski = self._ski(args)
        host, port = str(args.get("host", "")) or None, int(args.get("port", 4712))
        if not 1 <= port <= MAX_PORT or (host is not None and not _is_host(host)):
            raise CallError("E-SRV-004", f"{host}:{port}", "--host 192.168.1.20 --port 4712")
        role = args.get("role", "control-box")
        if role not in ROLES:
            raise CallError("E-SRV-004", f"role {role!r}", "control-box or device")
        await self._node.add(ski, host=host, port=port if host else None, role=ROLES[role])
        self._proof.note(Kind.PAIRING, {"ski": ski, "what": "added", "host": host})
        return {"ski": ski}

    async def accept(self, args: Mapping[str, Json]) -> Json:
        ski = self._known(args)
        peer = self._status_of(ski)
        if peer is not None and peer.trust == "trusted":
            return {"ski": ski}
        try:
            await self._node.accept(ski)
        except PairError as error:
            code = "E-PAIR-012" if error.fault is Fault.NOT_FOUND else error.fault.code
            raise CallError(code or "E-PAIR-009", str(error)) from error
        self._proof.note(Kind.PAIRING, {"ski": ski, "what": "accepted"})
        return {"ski": ski}

    async def reject(self, args: Mapping[str, Json]) -> Json:
        ski = self._known(args)
        await self._node.reject(ski)
        self._proof.note(Kind.PAIRING, {"ski": ski, "what": "rejected"})
        return {"ski": ski}

    async def remove(self, args: Mapping[str, Json]) -> Json:
        ski = self._known(args)
        peer = self._status_of(ski)
        if peer is None or peer.trust != "trusted":
            raise CallError("E-PAIR-013", "this peer is not trusted", "see ems pair list")
        await self._node.remove(ski)
        self._proof.note(Kind.PAIRING, {"ski": ski, "what": "removed"})
        return {"ski": ski}

    async def window(self, args: Mapping[str, Json]) -> Json:
        if args.get("open"):
            seconds = min(WINDOW_MAX_S, max(1.0, float(args.get("seconds", 900.0))))
            await self._node.open_window(seconds)
            self._proof.note(Kind.PAIRING, {"what": "window open", "seconds": seconds})
        else:
            await self._node.close_window()
            self._proof.note(Kind.PAIRING, {"what": "window closed"})
        return {"window_s": round(self._window_s(), 1)}

    async def wait(self, args: Mapping[str, Json]) -> Json:
        ski, state = self._ski(args), str(args.get("state", "heartbeat"))
        peer = self._status_of(ski)
        layers = {} if peer is None else self._layers(peer, self._clock.monotonic())
        return {"reached": bool(layers.get(state, False)), "layers": layers}

    async def why(self, args: Mapping[str, Json]) -> Json:
        ski = self._ski(args)
        peer = self._status_of(ski)
        if peer is None:
            return _reason("E-PAIR-009", "nothing is known about this SKI", "see ems pair list")
        if peer.failure is not None and not peer.layers.spine:
            return _reason(
                peer.failure.fault.code,
                peer.failure.reason,
                "",
                age_s=int(self._clock.monotonic() - peer.failure.at),
            )
        if peer.trust == "pending":
            return _reason(
                Fault.PEER_PENDING.code, "waits for your decision", f"ems pair accept {ski}"
            )
        layers = self._layers(peer, self._clock.monotonic())
        missing = next((name for name, reached in layers.items() if not reached), "")
        return _reason(
            "", f"waits for {missing}" if missing else "connected, nothing is missing", ""
        )

    def _peer_json(self, peer: PeerStatus, now: float) -> Json:
        failure = peer.failure
        return {
            "ski": peer.ski,
            "ship_id": peer.ship_id or "",
            "name": peer.name,
            "role": peer.role,
            "trust": peer.trust,
            "direction": None if peer.direction is None else peer.direction.value,
            "layers": self._layers(peer, now),
            "phase": peer.phase,
            "host": peer.host,
            "port": peer.port,
            "waiting": peer.peer_is_waiting,
            "failure": None
            if failure is None
            else {
                "code": failure.fault.code,
                "reason": failure.reason,
                "age_s": round(now - failure.at, 1),
            },
        }

    def _layers(self, peer: PeerStatus, now: float) -> dict[str, bool]:
        beat_at = self._lpc.last_heartbeat_at
        in_control = self._lpc.guard is not None and self._lpc.guard[0] == peer.ski
        fresh = beat_at is not None and now - beat_at <= HEARTBEAT_FRESH_S
        return {**asdict(peer.layers), "lpc": in_control, "heartbeat": in_control and fresh}

    def _status_of(self, ski: Ski) -> PeerStatus | None:
        return next((peer for peer in self._node.peers() if peer.ski == ski), None)

    def _ski(self, args: Mapping[str, Json]) -> Ski:
        text = str(args["ski"])
        try:
            ski = parse_ski(text)
        except EebusError as error:
            digits = sum(c in "0123456789abcdefABCDEF" for c in text)
            raise CallError("E-PAIR-003", str(error), "40 hex digits", digits=digits) from error
        if ski == self._own_ski:
            raise CallError("E-PAIR-002", "this is our own SKI", "enter that of the control box")
        return ski

    def _known(self, args: Mapping[str, Json]) -> Ski:
        ski = self._ski(args)
        if self._status_of(ski) is None:
            raise CallError("E-PAIR-009", "nothing is known about this SKI", "see ems pair list")
        return ski

    def _window_s(self) -> float:
        until = self._node.window_until
        return 0.0 if until is None else max(0.0, until - self._clock.monotonic())


def _is_host(text: str) -> bool:
    return len(text) <= MAX_HOST and not any(mark.isspace() or mark == "/" for mark in text)


def _reason(code: str, message: str, hint: str, **params: str | int) -> Json:
    return {"code": code, "message": message, "hint": hint, "params": params}
