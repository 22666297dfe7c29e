"""Partners are found leniently."""

from __future__ import annotations

import pytest

from eebus.spine.remote import RemoteDevice, RemoteEntity, RemoteUseCase
from eebus.usecases import peers
from eebus.usecases.lpc.spec import LPC_CS


def remote(*use_cases: RemoteUseCase) -> RemoteDevice:
    entities = {
        (1,): RemoteEntity((1,), "EVSE"),
        (2,): RemoteEntity((2,), "CEM"),
        (3,): RemoteEntity((3,), "GridGuard"),
    }
    return RemoteDevice("b" * 40, entities=entities, use_cases=use_cases)


def announced(
    entity: tuple[int, ...] | None, *scenarios: int, actor: str = "EnergyGuard"
) -> RemoteUseCase:
    return RemoteUseCase(
        entity=entity,
        actor=actor,
        name="limitationOfPowerConsumption",
        version="1.0.0 draft3",
        available=False,
        scenarios=scenarios,
    )


def test_scenarios_of_several_announcements_are_joined() -> None:
    device = remote(announced((2,), 3, 1), announced((3,), 1, 2))

    assert peers.scenarios(device, LPC_CS) == (1, 2, 3)


def test_nobody_there_announces_nothing() -> None:
    assert peers.scenarios(None, LPC_CS) == ()
    assert peers.entities(None, LPC_CS) == ()


@pytest.mark.field("H-34")
@pytest.mark.parametrize("entity", [None, (9,)])
def test_an_announcement_without_a_known_entity_means_every_fitting_one(
    entity: tuple[int, ...] | None,
) -> None:
    assert peers.entities(remote(announced(entity, 1)), LPC_CS) == ((2,), (3,))


def test_a_named_entity_of_the_wrong_type_is_no_partner() -> None:
    assert peers.entities(remote(announced((1,), 1)), LPC_CS) == ()


def test_another_actor_is_no_partner() -> None:
    device = remote(announced((2,), 1, actor="ControllableSystem"))

    assert peers.entities(device, LPC_CS) == ()
