"""Does beforehand what the first contact of a process would otherwise wait for.

A codec is derived from its struct at the first use, 0.1 ms each; some sixty of them made a fifth of
the time from the dial of a control box to its first known values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eebus.ship import frame
from eebus.spine.model import datagram
from eebus.spine.model import node_management as nm
from eebus.spine.model.result import RESULT_DATA
from eebus.wire import codec

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

    from eebus.usecases.spec import UseCaseSpec

EVERYBODY: Final = (
    nm.NODE_MANAGEMENT_DETAILED_DISCOVERY_DATA,
    nm.NODE_MANAGEMENT_USE_CASE_DATA,
    nm.NODE_MANAGEMENT_SUBSCRIPTION_REQUEST_CALL,
    nm.NODE_MANAGEMENT_BINDING_REQUEST_CALL,
    RESULT_DATA,
)


def prepare_codecs(use_cases: Iterable[UseCaseSpec]) -> None:
    """Make the codecs of SHIP, of SPINE's frame and of what servers of ``use_cases`` tell.

    A client names its partner's use case. Safe in a thread as long as no node runs.
    """
    structs: list[type[msgspec.Struct] | None] = [function.data for function in EVERYBODY]
    for serves in (serves for use_case in use_cases for serves in use_case.serves):
        structs.append(serves.function.data)
        if serves.partial:
            structs += (serves.function.selectors, serves.function.elements)
    known = [struct for struct in structs if struct is not None]
    codec.prepare(*frame.MESSAGES, datagram.Header, *known)
