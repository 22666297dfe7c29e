from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.discovery import change_tree, device_of, read_tree, read_use_cases
from eebus.spine.model.common_data_types import EntityAddress, FeatureAddress
from eebus.spine.model.network_management import (
    NetworkManagementEntityDescriptionData,
    NetworkManagementFeatureDescriptionData,
)
from eebus.spine.model.node_management import (
    NodeManagementDetailedDiscoveryData,
    NodeManagementDetailedDiscoveryEntityInformation,
    NodeManagementDetailedDiscoveryFeatureInformation,
    NodeManagementUseCaseData,
)
from eebus.spine.model.use_case_information import UseCaseInformationData, UseCaseSupport
from eebus.spine.timings import SpineTimings

BOUNDS = SpineTimings(max_entities=3, max_features=2)


def entity(*place: int, **more: Any) -> NodeManagementDetailedDiscoveryEntityInformation:
    address = EntityAddress(entity=place) if place else None
    return NodeManagementDetailedDiscoveryEntityInformation(
        description=NetworkManagementEntityDescriptionData(entity_address=address, **more)
    )


def feature(
    place: tuple[int, ...] | None, number: int | None, **more: Any
) -> NodeManagementDetailedDiscoveryFeatureInformation:
    return NodeManagementDetailedDiscoveryFeatureInformation(
        description=NetworkManagementFeatureDescriptionData(
            feature_address=FeatureAddress(entity=place, feature=number), **more
        )
    )


def told(entities: list[Any], features: list[Any]) -> NodeManagementDetailedDiscoveryData:
    return NodeManagementDetailedDiscoveryData(
        entity_information=tuple(entities), feature_information=tuple(features)
    )


def test_entries_without_address_or_description_are_skipped() -> None:
    nothing = NodeManagementDetailedDiscoveryFeatureInformation()
    data = told(
        [entity(), NodeManagementDetailedDiscoveryEntityInformation(), entity(1)],
        [nothing, feature(None, 1), feature((1,), None), feature((9,), 1), feature((1,), 1)],
    )

    tree = read_tree(data, "d:_n:X_1", BOUNDS)

    assert list(tree) == [(1,)]
    assert [f.address.feature for f in tree[(1,)].features] == [1]


def test_of_duplicate_features_the_last_one_counts() -> None:
    data = told(
        [entity(1)], [feature((1,), 1, feature_type="A"), feature((1,), 1, feature_type="B")]
    )

    assert [f.type for f in read_tree(data, None, BOUNDS)[(1,)].features] == ["B"]


@pytest.mark.rule("H-47")
def test_entities_and_features_of_a_peer_are_bounded() -> None:
    data = told([entity(n) for n in range(5)], [feature((0,), n) for n in range(5)])

    tree = read_tree(data, None, BOUNDS)
    grown, _ = change_tree(tree, told([entity(8), entity(0, 1)], []), None, BOUNDS)

    assert len(tree) == 3
    assert len(tree[(0,)].features) == 2
    assert len(grown) == 3


def test_removal_must_be_explicit() -> None:
    tree = read_tree(told([entity(0), entity(1)], []), None, BOUNDS)

    same, removed = change_tree(tree, told([entity(1)], []), None, BOUNDS)

    assert (set(same), removed) == ({(0,), (1,)}, [])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT60S", 60.0),
        ("PT2H", 900.0),
        ("PT0S", None),
        ("-PT5S", None),
        ("soon", None),
        (None, None),
    ],
)
def test_announced_response_delay_is_bounded_and_must_make_sense(
    text: str | None, seconds: float | None
) -> None:
    data = told([entity(1)], [feature((1,), 1, max_response_delay=text)])

    found = read_tree(data, None, SpineTimings())[(1,)].features[0]

    assert found.max_response_delay_s == seconds


def test_discovery_without_device_information_names_no_device() -> None:
    assert device_of(NodeManagementDetailedDiscoveryData()) == (None, "")


def test_use_cases_without_actor_or_name_are_skipped() -> None:
    support = (UseCaseSupport(use_case_name="x"), UseCaseSupport())
    data = NodeManagementUseCaseData(
        use_case_information=(
            UseCaseInformationData(use_case_support=support),
            UseCaseInformationData(actor="CEM", use_case_support=support),
            UseCaseInformationData(actor="EVSE"),
        )
    )

    assert [(u.actor, u.name, u.available) for u in read_use_cases(data, BOUNDS)] == [
        ("CEM", "x", True)
    ]
