"""The test tool of the SPINE cases: a hand-written peer that answers whatever the device asks.

It plays an energy guard (the device is the controllable system) or a controllable system (the
device is the energy guard); everything it announces can be bent by the test.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.requests import Limit
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from tests.kit.spine import BOX, EMS, RawPeer, Sent, at, info

DISCOVERY = "nodeManagementDetailedDiscoveryData"
USE_CASES = "nodeManagementUseCaseData"
LIMITS = "loadControlLimitListData"
START = 1_000.0
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Tool(RawPeer):
    """Answers reads from ``served``, calls and writes with result 0; ``asked`` keeps them all."""

    __test__ = False

    def __init__(self, device: Any) -> None:
        super().__init__(device)
        self.served: dict[tuple[tuple[int, ...], int, str], Any] = {}
        self.asked: list[Sent] = []
        self.version = "1.3.0"

    def open(self) -> None:
        """A new connection, with everything the device asks for answered."""
        self.asked.clear()
        self.pump(self.connect())

    def pump(self, sent: list[Sent]) -> list[Sent]:
        """Answer until the device is quiet; return what it sent in all."""
        queue, everything = list(sent), list(sent)
        while queue:
            request = queue.pop(0)
            if request.classifier not in {"read", "call", "write"}:
                continue
            self.asked.append(request)
            more = self._serve(request)
            queue += more
            everything += more
        return everything

    def _serve(self, request: Sent) -> list[Sent]:
        if request.classifier != "read":
            return self.answer(request, {"resultData": {"errorNumber": 0}}, "result",
                               specificationVersion=self.version)  # fmt: skip
        name = next(key for key in reversed(request.cmd) if key not in {"function", "filter"})
        to = request.header["addressDestination"]
        data = self.served.get((tuple(to["entity"]), to["feature"], name), {})
        return self.answer(request, {name: data}, specificationVersion=self.version)

    def let_pass(self, seconds: float) -> None:
        """Protocol time passes; what the device asks for meanwhile is answered."""
        end = self.now + seconds
        while self.device.deadline is not None and self.device.deadline <= end:
            self.now = max(self.now, self.device.deadline)
            self.device.handle_timer(self.now)
            self.pump(self._collect())
        self.now = end

    def calls(self, kind: str) -> list[dict[str, Any]]:
        """Server addresses the device asked a ``Subscription`` or ``Binding`` for."""
        name, part = f"nodeManagement{kind}RequestCall", f"{kind.lower()}Request"
        return [one.cmd[name][part]["serverAddress"] for one in self.asked if name in one.cmd]

    def writes(self, function: str) -> list[Sent]:
        return [s for s in self.asked if s.classifier == "write" and function in s.cmd]


def entity(address: list[int], type_: str) -> dict[str, Any]:
    return {"description": {"entityAddress": {"entity": address}, "entityType": type_}}


def feature(address: list[int], number: int, type_: str, role: str, *functions: str) -> Any:
    supported = [
        [
            {"function": name.removesuffix("!")},
            {
                "possibleOperations": {"read": {}}
                | ({"write": {"partial": {}}} if "!" in name else {})
            },
        ]
        for name in functions
    ]
    description: dict[str, Any] = {
        "featureAddress": {"entity": address, "feature": number},
        "featureType": type_,
        "role": role,
    }
    return {"description": description | ({"supportedFunction": supported} if supported else {})}


def tree(entities: list[Any], features: list[Any]) -> dict[str, Any]:
    return {
        "specificationVersionList": {"specificationVersion": ["1.3.0"]},
        "deviceInformation": {"description": {"deviceAddress": {"device": BOX}}},
        "entityInformation": [entity([0], "DeviceInformation"), *entities],
        "featureInformation": [feature([0], 0, "NodeManagement", "special"), *features],
    }


def use_case(place: list[int], actor: str, **more: Any) -> dict[str, Any]:
    support = [
        {"useCaseName": "limitationOfPowerConsumption"},
        {"useCaseVersion": "1.0.0"},
        *({name: value} for name, value in more.items()),
        {"scenarioSupport": [1, 2, 3, 4]},
        {"useCaseDocumentSubRevision": "release"},
    ]
    address = {"device": BOX, "entity": place}
    return {"address": address, "actor": actor, "useCaseSupport": [support]}


# --- the device is the controllable system, the tool the energy guard ---


class GuardTool(Tool):
    """An energy guard with its client feature 1 and heartbeat server 1000 in each entity."""

    def __init__(
        self, places: tuple[tuple[int, ...], ...] = ((1,),), client_type: str = "Generic"
    ) -> None:
        server = LpcServer(
            LpcServerConfig(failsafe_w=Decimal(4_200), contract_max_w=Decimal(40_000)),
            START,
            utcnow=lambda: EPOCH + timedelta(seconds=self.now),
        )
        super().__init__(Actors(build_device(info(EMS), [server], START), [server]))
        self.server = server
        self.client_type = client_type
        self.place = places[0]
        self.move_to(places)

    def move_to(self, places: tuple[tuple[int, ...], ...]) -> None:
        self.place = places[0]
        self.served.clear()
        entities = [entity(list(place), "GridGuard") for place in places]
        features = [
            one
            for place in places
            for one in (
                feature(list(place), 1, self.client_type, "client"),
                feature(
                    list(place), 1000, "DeviceDiagnosis", "server", "deviceDiagnosisHeartbeatData"
                ),
            )
        ]
        self.served[((0,), 0, DISCOVERY)] = tree(entities, features)
        announced = [use_case(list(place), "EnergyGuard") for place in places]
        self.served[((0,), 0, USE_CASES)] = {"useCaseInformation": announced}
        for place in places:
            self.served[(place, 1000, "deviceDiagnosisHeartbeatData")] = {
                "heartbeatTimeout": "PT120S"
            }

    @property
    def client(self) -> dict[str, Any]:
        return at(BOX, self.place, 1)

    def address_of(self, type_: str) -> dict[str, Any]:
        found = self.device.device.feature((1,), type_, "server")
        return at(EMS, found.entity, found.feature)

    def ask(self, kind: str, type_: str) -> int:
        return self.pump(self.relate(kind, self.client, self.address_of(type_), type_))[
            0
        ].error_number

    def beat(self, **header: Any) -> list[Sent]:
        data = {"heartbeatCounter": self.counter, "heartbeatTimeout": "PT120S"}
        return self.pump(
            self.send(
                "notify",
                {"deviceDiagnosisHeartbeatData": data},
                source=at(BOX, self.place, 1000),
                to=self.device_client,
                **header,
            )
        )

    @property
    def device_client(self) -> dict[str, Any]:
        found = self.device.device.feature((1,), "Generic", "client")
        return at(EMS, found.entity, found.feature)

    def write_limit(self, *members: dict[str, Any], **header: Any) -> list[Sent]:
        entry = [{"limitId": 0}, *members]
        cmd = [
            {"function": LIMITS},
            {"filter": [[{"cmdControl": [{"partial": []}]}]]},
            {LIMITS: [{"loadControlLimitData": [entry]}]},
        ]
        return self.pump(
            self.send("write", cmd, source=self.client, to=self.address_of("LoadControl"),
                      ackRequest=True, **header)
        )  # fmt: skip

    def limit(self) -> dict[str, Any]:
        reply = self.read(LIMITS, to=self.address_of("LoadControl"), source=self.client)[0]
        return reply.cmd[LIMITS]["loadControlLimitData"][0]

    def run_scenario(self, value_w: int = 4_201) -> int:
        """Scenarios 1 to 3: relations, heartbeat, one limit; the error number of the limit."""
        self.open()
        for kind, type_ in (
            ("Subscription", "LoadControl"),
            ("Binding", "LoadControl"),
            ("Binding", "DeviceConfiguration"),
            ("Subscription", "DeviceDiagnosis"),
        ):
            assert self.ask(kind, type_) == 0
        self.beat()
        value = {"value": [{"number": value_w}, {"scale": 0}]}
        answers = self.write_limit({"isLimitActive": True}, value)
        return next(a.error_number for a in answers if a.classifier == "result")


# --- the device is the energy guard, the tool the controllable system ---


class SystemTool(Tool):
    """A controllable system whose addresses and ids can be moved."""

    def __init__(self) -> None:
        guard = EnergyGuard(utcnow=lambda: EPOCH + timedelta(seconds=self.now))
        super().__init__(Actors(build_device(info(EMS), [guard], START), [guard]))
        self.guard = guard
        guard.set_limit(None, Limit(active=True, value_w=Decimal(4_201), duration_s=None), START)
        self.device.take_datagrams()
        self.available: dict[str, Any] = {}
        self.description: list[dict[str, Any]] = []
        self.move_to([1], first_feature=1, first_id=0)

    def move_to(self, place: list[int], *, first_feature: int, first_id: int) -> None:
        """Announce everything at other addresses, with other limit and key ids."""
        self.served.clear()
        limits, keys, diagnosis, connection, client = range(first_feature, first_feature + 5)
        features = [
            feature(place, limits, "LoadControl", "server",
                    "loadControlLimitDescriptionListData", LIMITS + "!"),
            feature(place, keys, "DeviceConfiguration", "server",
                    "deviceConfigurationKeyValueDescriptionListData",
                    "deviceConfigurationKeyValueListData!"),
            feature(place, diagnosis, "DeviceDiagnosis", "server", "deviceDiagnosisHeartbeatData"),
            feature(place, connection, "ElectricalConnection", "server",
                    "electricalConnectionCharacteristicListData"),
            feature(place, client, "Generic", "client"),
        ]  # fmt: skip
        self.place, self.limits, self.client_number = tuple(place), limits, client
        self.first_id = first_id
        serve = self.served
        serve[((0,), 0, DISCOVERY)] = tree([entity(place, "CEM")], features)
        announced = use_case(place, "ControllableSystem", **self.available)
        serve[((0,), 0, USE_CASES)] = {"useCaseInformation": [announced]}
        at_limits, at_keys = (tuple(place), limits), (tuple(place), keys)
        serve[(*at_limits, "loadControlLimitDescriptionListData")] = {
            "loadControlLimitDescriptionData": [
                [
                    {"limitId": first_id},
                    {"limitType": "signDependentAbsValueLimit"},
                    {"limitCategory": "obligation"},
                    {"limitDirection": "consume"},
                    {"unit": "W"},
                    {"scopeType": "activePowerLimit"},
                    *self.description,
                ]
            ]
        }
        serve[(*at_limits, LIMITS)] = {
            "loadControlLimitData": [
                [
                    {"limitId": first_id},
                    {"isLimitChangeable": True},
                    {"isLimitActive": False},
                    {"value": [{"number": 0}, {"scale": 0}]},
                ]
            ]
        }
        serve[(*at_keys, "deviceConfigurationKeyValueDescriptionListData")] = {
            "deviceConfigurationKeyValueDescriptionData": [
                [
                    {"keyId": first_id},
                    {"keyName": "failsafeConsumptionActivePowerLimit"},
                    {"valueType": "scaledNumber"},
                    {"unit": "W"},
                ],
                [
                    {"keyId": first_id + 1},
                    {"keyName": "failsafeDurationMinimum"},
                    {"valueType": "duration"},
                ],
            ]
        }

    def listen(self) -> None:
        """Subscribe the guard's heartbeat, as a controllable system does after the binding."""
        found = self.device.device.feature((1,), "DeviceDiagnosis", "server")
        server = at(EMS, found.entity, found.feature)
        client = at(BOX, self.place, self.client_number)
        self.pump(self.relate("Subscription", client, server, "DeviceDiagnosis"))

    def completes_scenario(self) -> bool:
        """Whether bindings stand and the limit arrived at the announced id within 120 s."""
        self.open()
        self.listen()
        self.let_pass(120.0)
        bound = [(tuple(a["entity"]), a["feature"]) for a in self.calls("Binding")]
        ids = [
            one.cmd[LIMITS]["loadControlLimitData"][0]["limitId"]
            for one in self.writes(LIMITS)
            if one.header["addressDestination"]["feature"] == self.limits
        ]
        return (self.place, self.limits) in bound and ids[:1] == [self.first_id]
