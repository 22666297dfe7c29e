"""SPINE without a network: two local devices back to back, and a hand-written peer.

``SpinePair`` joins two devices and keeps every datagram and event. ``RawPeer`` speaks raw datagrams
with one device, the way a test tool does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from eebus.spine.device import LocalDevice
from eebus.spine.events import SpineEvent
from eebus.spine.specs import DeviceInfo
from eebus.wire import ejson

BOX = "d:_n:Test_Box-1"
EMS = "d:_n:Test_EMS-1"
BOX_SKI = "b0" * 20
EMS_SKI = "e5" * 20


def info(address: str, **fields: Any) -> DeviceInfo:
    return DeviceInfo(address=address, brand="Test", model="Device", serial="1", **fields)


def plain(value: Any) -> Any:
    """EEBUS JSON without its arrays of one-member objects, for literal expectations.

    Lists of objects become lists, objects become dicts, ``[]`` stays.
    """
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if not isinstance(value, list) or not value:
        return value
    if all(isinstance(item, dict) for item in value):
        return {name: plain(item) for part in value for name, item in part.items()}
    return [plain(item) for item in value]


@dataclass(frozen=True)
class Sent:
    """A datagram that a device has sent."""

    raw: Any

    @property
    def header(self) -> dict[str, Any]:
        return plain(self.raw)["datagram"]["header"]

    @property
    def cmd(self) -> dict[str, Any]:
        return plain(self.raw)["datagram"]["payload"]["cmd"][0]

    @property
    def classifier(self) -> str:
        return self.header["cmdClassifier"]

    @property
    def error_number(self) -> int:
        return self.cmd["resultData"]["errorNumber"]


def datagram(
    classifier: str,
    cmd: Any,
    *,
    source: dict[str, Any],
    destination: dict[str, Any],
    counter: int,
    **header: Any,
) -> Any:
    """A datagram as plain objects; the device must read them like EEBUS arrays."""
    head = {
        "specificationVersion": "1.3.0",
        "addressSource": source,
        "addressDestination": destination,
        "msgCounter": counter,
        "cmdClassifier": classifier,
    }
    return {"datagram": {"header": head | header, "payload": {"cmd": [cmd]}}}


def at(device: str | None, entity: Sequence[int], feature: int) -> dict[str, Any]:
    address: dict[str, Any] = {"entity": list(entity), "feature": feature}
    return address if device is None else {"device": device, **address}


@dataclass
class RawPeer:
    """A peer whose datagrams the test writes by hand."""

    device: LocalDevice
    address: str = BOX
    ski: str = BOX_SKI
    now: float = 1_000.0
    counter: int = 0
    events: list[SpineEvent] = field(default_factory=list[SpineEvent])
    sent: list[Sent] = field(default_factory=list[Sent])

    def connect(self) -> list[Sent]:
        self.device.connect(self.ski, self.now)
        return self._collect()

    def disconnect(self) -> None:
        self.device.disconnect(self.ski, self.now)
        self._collect()

    def raw(self, value: Any) -> list[Sent]:
        """Deliver anything; return what the device sends to this peer because of it."""
        self.device.receive(self.ski, copy.deepcopy(value), self.now)
        return self._collect()

    def send(
        self,
        classifier: str,
        cmd: Any,
        *,
        source: dict[str, Any] | None = None,
        to: dict[str, Any] | None = None,
        counter: int | None = None,
        **header: Any,
    ) -> list[Sent]:
        self.counter = self.counter + 1 if counter is None else counter
        message = datagram(
            classifier,
            cmd,
            source=source or at(self.address, [0], 0),
            destination=to or at(EMS, [0], 0),
            counter=self.counter,
            **header,
        )
        return self.raw(message)

    def read(self, function: str, **header: Any) -> list[Sent]:
        return self.send("read", {function: {}}, **header)

    def relate(
        self, kind: str, client: dict[str, Any], server: dict[str, Any], type_: str | None = None
    ) -> list[Sent]:
        """Call for a ``Subscription`` or a ``Binding``."""
        request: dict[str, Any] = {"clientAddress": client, "serverAddress": server}
        if type_:
            request["serverFeatureType"] = type_
        name = f"nodeManagement{kind}RequestCall"
        return self.send("call", {name: {f"{kind.lower()}Request": request}}, ackRequest=True)

    def answer(
        self, request: Sent, cmd: Any, classifier: str = "reply", **header: Any
    ) -> list[Sent]:
        return self.send(
            classifier,
            cmd,
            source=at(self.address, request.header["addressDestination"]["entity"],
                      request.header["addressDestination"]["feature"]),
            to=request.header["addressSource"],
            msgCounterReference=request.header["msgCounter"],
            **header,
        )  # fmt: skip

    def wait_until(self, now: float) -> list[Sent]:
        """Let time pass in the steps the device asks for."""
        sent: list[Sent] = []
        while self.device.deadline is not None and self.device.deadline <= now:
            self.now = self.device.deadline
            self.device.handle_timer(self.now)
            sent += self._collect()
        self.now = now
        return sent

    def take_events(self) -> list[SpineEvent]:
        events, self.events = self.events, []
        return events

    def _collect(self) -> list[Sent]:
        self.events += self.device.take_events()
        new = [Sent(raw) for ski, raw in self.device.take_datagrams() if ski == self.ski]
        self.sent += new
        return new


@dataclass
class SpinePair:
    """Two devices joined back to back; ``run`` carries datagrams until both are quiet.

    Each datagram travels as bytes, so what cannot be serialised fails here.
    """

    left: LocalDevice
    right: LocalDevice
    left_ski: str = EMS_SKI
    right_ski: str = BOX_SKI
    now: float = 1_000.0
    left_sent: list[Sent] = field(default_factory=list[Sent])
    right_sent: list[Sent] = field(default_factory=list[Sent])
    left_events: list[SpineEvent] = field(default_factory=list[SpineEvent])
    right_events: list[SpineEvent] = field(default_factory=list[SpineEvent])
    is_cut: bool = False

    def connect(self) -> None:
        self.is_cut = False
        self.left.connect(self.right_ski, self.now)
        self.right.connect(self.left_ski, self.now)
        self.run()

    def disconnect(self) -> None:
        self.left.disconnect(self.right_ski, self.now)
        self.right.disconnect(self.left_ski, self.now)
        self.run()

    def run(self) -> None:
        while self._step():
            pass
        self.left_events += self.left.take_events()
        self.right_events += self.right.take_events()

    def _step(self) -> bool:
        left, right = self.left.take_datagrams(), self.right.take_datagrams()
        for raw in self._carried(left, self.left_sent):
            self.right.receive(self.left_ski, raw, self.now)
        for raw in self._carried(right, self.right_sent):
            self.left.receive(self.right_ski, raw, self.now)
        return bool(left or right)

    def _carried(self, datagrams: list[tuple[str, Any]], log: list[Sent]) -> Iterator[Any]:
        for _, raw in datagrams:
            log.append(Sent(raw))
            if not self.is_cut:
                yield ejson.loads(ejson.dumps(raw))

    def advance_to(self, now: float) -> None:
        """Let time pass in the steps the devices ask for."""
        while True:
            dues = [d for d in (self.left.deadline, self.right.deadline) if d is not None]
            if not dues or min(dues) > now:
                break
            self.now = max(self.now, min(dues))
            self.left.handle_timer(self.now)
            self.right.handle_timer(self.now)
            self.run()
        self.now = now
