"""Devices derived from declarations, and the composite that a shell drives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from eebus.spine.device import LocalDevice
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.events import LimitStateChanged
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from eebus.usecases.lpc.spec import LPC_CS, LPC_EG
from eebus.usecases.spec import UseCaseSpec
from eebus.wire import ejson

INFO = DeviceInfo(address="d:_n:EMS_1")
PEER = "b" * 40


def utcnow() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


class Quiet:
    """A use case that only notes where it lives."""

    def __init__(self, spec: UseCaseSpec) -> None:
        self.spec = spec
        self.deadline: float | None = None
        self.entity: tuple[int, ...] = ()

    def attach(self, device: LocalDevice, entity: tuple[int, ...], now: float) -> None:
        self.entity = entity

    def handle(self, event: object, now: float) -> None: ...

    def handle_timer(self, now: float) -> None: ...

    def take_events(self) -> list[object]:
        return []


def discovery(device: LocalDevice) -> str:
    """What a peer reads as discovery and use case data, as text."""
    device.connect(PEER, 0.0)
    for counter, name in enumerate(
        ("nodeManagementDetailedDiscoveryData", "nodeManagementUseCaseData"), start=1
    ):
        place = {"entity": [0], "feature": 0}
        header: dict[str, Any] = {
            "specificationVersion": "1.3.0",
            "addressSource": {"device": "d:_n:Box_1", **place},
            "addressDestination": {"device": INFO.address, **place},
            "msgCounter": counter,
            "cmdClassifier": "read",
        }
        payload = {"cmd": [{"function": name, name: {}}]}
        device.receive(PEER, {"datagram": {"header": header, "payload": payload}}, 0.0)
    return "".join(ejson.dumps(payload).decode() for _, payload in device.take_datagrams())


def test_use_cases_of_one_actor_and_entity_type_share_an_entity() -> None:
    lpc = Quiet(LPC_CS)
    lpp = Quiet(replace(LPC_CS, name="limitationOfPowerProduction"))
    guard = Quiet(LPC_EG)

    build_device(INFO, [lpc, lpp, guard], 0.0)

    assert (lpc.entity, lpp.entity, guard.entity) == ((1,), (1,), (2,))


def test_discovery_and_use_case_data_follow_from_the_declaration() -> None:
    server = LpcServer(LpcServerConfig(failsafe_w=Decimal(4_200)), 0.0, utcnow=utcnow)

    text = discovery(build_device(INFO, [server], 0.0))

    assert text.count('"entityType":"CEM"') == 1
    assert text.count('"featureType":"LoadControl"') == 1
    assert text.count('"featureType":"Generic"') == 1
    assert text.count('"write":[{"partial":[]}]') == 2
    assert '"useCaseName":"limitationOfPowerConsumption"' in text
    assert '"scenarioSupport":[1,2,3,4]' in text
    assert '"useCaseDocumentSubRevision":"release"' in text
    assert "useCaseAvailable" not in text


def test_an_energy_guard_says_that_it_is_available() -> None:
    text = discovery(build_device(INFO, [EnergyGuard(utcnow=utcnow)], 0.0))

    assert '"useCaseAvailable":true' in text
    assert '"entityType":"GridGuard"' in text


def test_a_use_case_without_peer_features_needs_no_client() -> None:
    lonely = replace(LPC_CS, scenarios=LPC_CS.scenarios[:1])

    text = discovery(build_device(INFO, [Quiet(lonely)], 0.0))

    assert '"role":"client"' not in text


def test_actors_are_due_when_any_part_is() -> None:
    server = LpcServer(LpcServerConfig(failsafe_w=Decimal(4_200)), 0.0, utcnow=utcnow)
    actors = Actors(build_device(INFO, [server], 0.0), [server])
    assert actors.deadline == 30.0

    actors.handle_timer(30.0)

    assert actors.deadline == 60.0
    assert actors.take_closures() == []


def test_events_of_all_use_cases_are_taken_together_and_once() -> None:
    server = LpcServer(LpcServerConfig(failsafe_w=Decimal(4_200)), 0.0, utcnow=utcnow)
    actors = Actors(build_device(INFO, [server], 0.0), [server])

    (event,) = actors.take_events()

    assert isinstance(event, LimitStateChanged)
    assert (event.state, event.rule, event.limit_w) == ("init", "LPC-901", 4_200)
    assert actors.take_events() == []


def test_constraints_are_recommended_to_the_system_and_needed_by_the_guard() -> None:
    """K-17; both announce all four scenarios."""
    assert (LPC_CS.mandatory_numbers, LPC_CS.scenario_numbers) == ((1, 2, 3), (1, 2, 3, 4))
    assert (LPC_EG.mandatory_numbers, LPC_EG.scenario_numbers) == ((1, 2, 3, 4), (1, 2, 3, 4))
