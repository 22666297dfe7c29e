from __future__ import annotations

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import PeerReady
from eebus.spine.model.common_data_types import ScaledNumber
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitListData,
)
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec, UseCaseAnnouncement
from tests.kit.spine import EMS, RawPeer, info
from tests.unit.eebus.spine.asking import BOX_TREE, BOX_USE_CASES
from tests.unit.eebus.spine.serving import CLIENT, LOAD_CONTROL

CEM = EntitySpec(
    address=(1,),
    type="CEM",
    features=(
        FeatureSpec(
            type="LoadControl",
            role="server",
            functions=(
                FunctionSpec(function=LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA),
                FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, write=True, partial=True),
            ),
        ),
        FeatureSpec(
            type="DeviceDiagnosis",
            role="server",
            functions=(FunctionSpec(function=DEVICE_DIAGNOSIS_HEARTBEAT_DATA),),
            max_response_delay_s=5,
        ),
        FeatureSpec(type="Generic", role="client"),
    ),
)
LPC = UseCaseAnnouncement(
    entity=(1,),
    actor="ControllableSystem",
    name="limitationOfPowerConsumption",
    version="1.0.0",
    sub_revision="release",
    scenarios=(1, 2, 3, 4),
)


def limits(value_w: int, **fields: object) -> LoadControlLimitListData:
    entry = LoadControlLimitData(
        limit_id=0,
        is_limit_changeable=True,
        is_limit_active=False,
        value=ScaledNumber(number=value_w, scale=0),
    )
    return LoadControlLimitListData(load_control_limit_data=(entry,))


@pytest.fixture
def device() -> LocalDevice:
    made = LocalDevice(info(EMS), [CEM], use_cases=[LPC])
    load_control = made.feature((1,), "LoadControl", "server")
    made.set_data(load_control, LOAD_CONTROL_LIMIT_LIST_DATA, limits(11_000), now=0.0)
    return made


@pytest.fixture
def tester(device: LocalDevice) -> RawPeer:
    """Connected; its discovery is not told yet."""
    box = RawPeer(device)
    box.connect()
    return box


@pytest.fixture
def bound(tester: RawPeer) -> RawPeer:
    """Bound to LoadControl."""
    assert tester.relate("Binding", CLIENT, LOAD_CONTROL, "LoadControl")[0].error_number == 0
    tester.take_events()
    return tester


@pytest.fixture
def box(device: LocalDevice) -> RawPeer:
    """A peer whose discovery and use cases are known."""
    peer = RawPeer(device)
    read = peer.connect()[0]
    asked = peer.answer(read, BOX_TREE)
    peer.answer(asked[0], {"resultData": {"errorNumber": 0}}, "result")
    peer.answer(asked[1], BOX_USE_CASES)
    assert peer.take_events()[-1] == PeerReady(peer.ski)
    return peer
