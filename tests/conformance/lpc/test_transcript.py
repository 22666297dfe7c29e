"""An LPC session in literal EEBUS JSON, as a control box puts it on the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig

BOX = "b" * 40
DISCOVERY = (
    '{"nodeManagementDetailedDiscoveryData":['
    '{"specificationVersionList":[{"specificationVersion":["1.3.0"]}]},'
    '{"deviceInformation":[{"description":[{"deviceAddress":[{"device":"d:_n:CtrlBox_SB-2207"}]},'
    '{"deviceType":"ElectricitySupplySystem"},{"networkFeatureSet":"smart"}]}]},'
    '{"entityInformation":['
    '[{"description":[{"entityAddress":[{"entity":[0]}]},{"entityType":"DeviceInformation"}]}],'
    '[{"description":[{"entityAddress":[{"entity":[1]}]},{"entityType":"GridGuard"}]}]]},'
    '{"featureInformation":['
    '[{"description":[{"featureAddress":[{"entity":[0]},{"feature":0}]},'
    '{"featureType":"NodeManagement"},{"role":"special"}]}],'
    '[{"description":[{"featureAddress":[{"entity":[1]},{"feature":1}]},'
    '{"featureType":"Generic"},{"role":"client"}]}],'
    '[{"description":[{"featureAddress":[{"entity":[1]},{"feature":2}]},'
    '{"featureType":"DeviceDiagnosis"},{"role":"server"},{"supportedFunction":[['
    '{"function":"deviceDiagnosisHeartbeatData"},{"possibleOperations":[{"read":[]}]}]]}]}]]}]}'
)
HEARTBEAT = (
    '{"deviceDiagnosisHeartbeatData":[{"timestamp":"2026-03-02T09:15:00Z"},'
    '{"heartbeatCounter":312},{"heartbeatTimeout":"PT60S"}]}'
)
OPENING = (
    '{"function":"loadControlLimitListData"},{"filter":['
    '[{"cmdControl":[{"delete":[]}]},{"loadControlLimitListDataSelectors":[{"limitId":0}]},'
    '{"loadControlLimitDataElements":[{"timePeriod":[]}]}],'
    '[{"cmdControl":[{"partial":[]}]}]]},'
    '{"loadControlLimitListData":[{"loadControlLimitData":[[{"limitId":0},'
    '{"isLimitActive":false},{"value":[{"number":34500},{"scale":0}]}]]}]}'
)
LIMIT = (
    '{"function":"loadControlLimitListData"},{"filter":[[{"cmdControl":[{"partial":[]}]}]]},'
    '{"loadControlLimitListData":[{"loadControlLimitData":[[{"limitId":0},{"isLimitActive":true},'
    '{"timePeriod":[{"endTime":"PT5M"}]},{"value":[{"number":4201},{"scale":0}]}]]}]}'
)


class Session:
    """Datagrams as text in, datagrams as text out."""

    def __init__(self) -> None:
        self.now = 0.0
        self.counter = 0
        config = LpcServerConfig(failsafe_w=Decimal(4_200), contract_max_w=Decimal(34_500))
        self.server = LpcServer(config, 0.0, utcnow=lambda: datetime(2026, 3, 2, 9, tzinfo=UTC))
        device = build_device(DeviceInfo(address="d:_n:EMS-0815_1"), [self.server], 0.0)
        self.ems = Actors(device, [self.server])
        self.ems.connect(BOX, 0.0)
        self.taken()

    def taken(self) -> list[str]:
        return [
            json.dumps(payload, separators=(",", ":")) for _, payload in self.ems.take_datagrams()
        ]

    def send(self, classifier: str, source: str, target: str, cmd: str, **more: Any) -> list[str]:
        """Addresses as ``entity/feature``; returns what the EMS sends because of it."""
        self.counter += 1
        header = [
            {"specificationVersion": "1.3.0"},
            {"addressSource": place("d:_n:CtrlBox_SB-2207", source)},
            {"addressDestination": place("d:_n:EMS-0815_1", target)},
            {"msgCounter": self.counter},
            *({name: value} for name, value in more.items()),
            {"cmdClassifier": classifier},
        ]
        if classifier in {"write", "call"}:
            header.append({"ackRequest": True})
        datagram = [{"header": header}, {"payload": [{"cmd": [json.loads(f"[{cmd}]")]}]}]
        self.ems.receive(BOX, {"datagram": datagram}, self.now)
        return self.taken()

    def call(self, kind: str, request: str, server: str, feature_type: str) -> list[str]:
        client = json.dumps(place("d:_n:CtrlBox_SB-2207", "1/1"))
        target = json.dumps(place("d:_n:EMS-0815_1", server))
        cmd = (
            f'{{"{kind}":[{{"{request}":[{{"clientAddress":{client}}},'
            f'{{"serverAddress":{target}}},{{"serverFeatureType":"{feature_type}"}}]}}]}}'
        )
        return self.send("call", "0/0", "0/0", cmd)

    def bind(self, server: str, feature_type: str) -> list[str]:
        return self.call("nodeManagementBindingRequestCall", "bindingRequest", server, feature_type)


def place(device: str, address: str) -> list[dict[str, Any]]:
    entity, feature = address.split("/")
    return [{"device": device}, {"entity": [int(entity)]}, {"feature": int(feature)}]


@pytest.mark.rule("LPC-904")
def test_a_session_in_the_letters_of_the_wire() -> None:
    session = Session()
    session.send("reply", "0/0", "0/0", DISCOVERY, msgCounterReference=1)
    session.call(
        "nodeManagementSubscriptionRequestCall", "subscriptionRequest", "1/2", "LoadControl"
    )
    assert '"errorNumber":0' in session.bind("1/2", "LoadControl")[-1]
    follow = session.bind("1/3", "DeviceConfiguration")
    assert any('"serverFeatureType":"DeviceDiagnosis"' in text for text in follow)
    assert any('{"deviceDiagnosisHeartbeatData":[]}' in text for text in follow)

    early = session.send("write", "1/1", "1/2", OPENING)
    assert len(early) == 1
    assert '"errorNumber":7' in early[0]

    assert session.send("notify", "1/2", "1/1", HEARTBEAT) == []
    opened = session.send("write", "1/1", "1/2", OPENING)
    assert '"errorNumber":0' in opened[-1] or '"errorNumber":0' in opened[0]
    assert session.server.state.value == "unlimited_controlled"

    session.now = 40.0
    limited = session.send("write", "1/1", "1/2", LIMIT)

    notified = next(text for text in limited if '"cmdClassifier":"notify"' in text)
    assert (
        '[{"limitId":0},{"isLimitChangeable":true},{"isLimitActive":true},'
        '{"timePeriod":[{"endTime":"PT5M"}]},{"value":[{"number":4201},{"scale":0}]}]'
    ) in notified
    result = next(text for text in limited if '"cmdClassifier":"result"' in text)
    assert f'"msgCounterReference":{session.counter}' in result
    assert '"errorNumber":0' in result
    assert session.server.machine.in_force_w == 4_201


@pytest.mark.rule("LPC-003/1")
def test_a_refusal_names_its_reason() -> None:
    session = Session()
    session.send("reply", "0/0", "0/0", DISCOVERY, msgCounterReference=1)
    session.bind("1/2", "LoadControl")
    session.bind("1/3", "DeviceConfiguration")
    session.send("notify", "1/2", "1/1", HEARTBEAT)

    (refusal,) = session.send("write", "1/1", "1/2", OPENING.replace("34500", "-1000"))

    assert '"errorNumber":7},{"description":"limit below zero"}' in refusal
