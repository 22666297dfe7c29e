"""A write that fails every check is told the first one; each one mended shows the next."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from eebus.spine.device import LocalDevice
from eebus.spine.guards import Accept, Refuse, Verdict, Write
from eebus.spine.model.load_control import LOAD_CONTROL_LIMIT_LIST_DATA
from tests.kit.spine import EMS, RawPeer, at
from tests.unit.eebus.spine.serving import CLIENT, LOAD_CONTROL, PARTIAL, list_of

LIMITS = "loadControlLimitListData"


def test_the_checks_come_in_the_order_of_the_reference(
    tester: RawPeer, device: LocalDevice
) -> None:
    """Spine.md 1.7: version, classifier, destination, one command, function, filters, binding,
    write check, judge; then it is stored and told."""
    place = device.feature((1,), "LoadControl", "server")
    unlocked = device.data(place, LOAD_CONTROL_LIMIT_LIST_DATA)
    assert unlocked is not None
    (entry,) = unlocked.load_control_limit_data or ()
    locked = replace(unlocked, load_control_limit_data=(replace(entry, is_limit_changeable=False),))
    device.set_data(place, LOAD_CONTROL_LIMIT_LIST_DATA, locked, tester.now)
    verdicts: list[str] = ["no"]
    device.guard(place, LOAD_CONTROL_LIMIT_LIST_DATA, lambda write, now: _judge(verdicts, write))
    header: dict[str, Any] = {"specificationVersion": "2.0.0", "ackRequest": True}
    classifier, to = "order", at(EMS, [9], 9)
    bad_filter = list_of(PARTIAL | {"odd": {}})
    command: dict[str, Any] = {
        "function": "noSuchFunction",
        "filter": [bad_filter],
        "noSuchFunction": {},
    }
    commands: list[Any] = [command, command]

    def told() -> tuple[int, str]:
        tester.counter += 1
        content = {"payload": {"cmd": [list_of(one) for one in commands]}}
        head = {
            "specificationVersion": "1.3.0",
            "addressSource": CLIENT,
            "addressDestination": to,
            "msgCounter": tester.counter,
            "cmdClassifier": classifier,
        }
        (answer,) = tester.raw({"datagram": {"header": head | header, **content}})
        return answer.error_number, answer.cmd["resultData"].get("description", "")

    assert told() == (1, "specification version not supported")
    header["specificationVersion"] = "1.3.0"
    assert told() == (1, "unknown classifier")
    classifier = "write"
    assert told() == (4, "no such destination")
    to = LOAD_CONTROL
    assert told() == (1, "2 commands instead of one")
    commands = [command]
    assert told() == (6, "unknown function")
    data = {"loadControlLimitData": [list_of({"limitId": 0, "isLimitActive": True})]}
    commands = [{"function": LIMITS, "filter": [bad_filter], LIMITS: data}]
    assert told() == (8, "filter element odd")
    commands = [{"function": LIMITS, "filter": [list_of(PARTIAL)], LIMITS: data}]
    assert told() == (9, "binding required")
    assert tester.relate("Binding", CLIENT, LOAD_CONTROL)[0].error_number == 0
    assert told() == (7, "this entry is not changeable")
    device.set_data(place, LOAD_CONTROL_LIMIT_LIST_DATA, unlocked, tester.now)
    assert told() == (7, "no")
    verdicts.clear()
    assert told() == (0, "")
    stored = device.data(place, LOAD_CONTROL_LIMIT_LIST_DATA)
    assert stored is not None
    assert [one.is_limit_active for one in stored.load_control_limit_data or ()] == [True]


def _judge(verdicts: list[str], _write: Write) -> Verdict:
    return Refuse(7, verdicts[0]) if verdicts else Accept()
