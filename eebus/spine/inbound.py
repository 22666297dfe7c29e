"""Received datagrams: the guards in their fixed order, then server or client (spine.md 1.7).

Header, sender, version, classifier, destination, command, operation, filters, binding, write check,
judge. A request that fails gets the error number of the guard; a reply, notify or result never
gets one (spine.md 1.6).
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from eebus.spine.datagram import (
    CALL,
    CLASSIFIERS,
    READ,
    REQUESTS,
    RESULT,
    WRITE,
    is_compatible,
    parse_command,
    parse_header,
)
from eebus.spine.events import WriteRefused
from eebus.spine.guards import Accept, Refuse, Write
from eebus.spine.model.result import ResultData
from eebus.spine.restricted import PARTIAL, check_write_filters, entries, merge_write, select
from eebus.wire.errors import SpineError, WireError

if TYPE_CHECKING:
    from eebus.spine.datagram import Command, Header
    from eebus.spine.functions import AnyFunction
    from eebus.spine.intake import Intake
    from eebus.spine.node_management import NodeManagement
    from eebus.spine.session import Session
    from eebus.spine.specs import FunctionSpec
    from eebus.spine.state import DeviceState
    from eebus.spine.tree import LocalFeature
    from eebus.wire.ejson import JsonValue

Json: TypeAlias = "JsonValue"

LOGGER = logging.getLogger(__name__)

GENERAL: Final = 1
OVERLOAD: Final = 3
DESTINATION_UNKNOWN: Final = 4
NOT_SUPPORTED: Final = 6
FILTER_UNSUPPORTED: Final = 8
BINDING_NEEDED: Final = 9


class Inbound:
    """Takes one datagram after the other; never raises at a peer's fault."""

    def __init__(self, state: DeviceState, node: NodeManagement, intake: Intake) -> None:
        self._state = state
        self._node = node
        self._intake = intake

    def receive(self, session: Session, payload: Json, now: float) -> None:
        """Handle one datagram of a peer."""
        try:
            header, content = parse_header(payload)
        except WireError as error:
            session.complain("header", f"sent no usable header: {error}", now)
            return
        if not self._is_of_peer(session, header, now):
            return
        if session.seen.is_duplicate(header.counter, payload):
            LOGGER.debug("x datagram %d of %s came twice", header.counter, session.peer)
            return
        if header.classifier in REQUESTS or header.classifier not in CLASSIFIERS:
            self._request(session, header, content, now)
            self._intake.asked_by(session, now)
        elif is_compatible(header.version):
            self._answer(session, header, content, now)

    def _is_of_peer(self, session: Session, header: Header, now: float) -> bool:
        """Tell whether the source device may be this peer's; misuse ends the link (H-07)."""
        device = header.source.device
        if device is None or device == session.remote.address:
            return True
        if self._state.is_taken(session, device):
            session.is_banned = True
            self._state.closures.append((session.peer, "device address of somebody else"))
            LOGGER.warning("! %s uses the device address of somebody else", session.peer[-8:])
            return False
        if session.remote.address is None:
            session.remote.address = device
            return True
        session.complain("device", "speaks for another device, ignored", now)
        return False

    # --- answers and notifies ---

    def _answer(self, session: Session, header: Header, content: Json, now: float) -> None:
        if self._destination(header) is None:
            LOGGER.debug("x %.40r for nobody from %s", header.classifier, session.peer)
            return
        try:
            command = parse_command(content, header.classifier)
        except SpineError as error:
            LOGGER.debug("x %s of %s not usable: %s", header.classifier, session.peer, error)
        else:
            self._take(session, header, command, now)
        if header.ack_request and header.classifier != RESULT:
            self._state.result(session, header)

    def _take(self, session: Session, header: Header, command: Command, now: float) -> None:
        if command.faults:
            LOGGER.debug("x %s: unreadable %.200s", session.peer, ", ".join(command.faults))
        match header.classifier, command.data:
            case "result", ResultData() as result:
                self._intake.take_result(session, header.reference, result)
            case "reply", _:
                self._intake.take_reply(session, header, command, now)
            case "notify", _:
                self._intake.take_notify(session, header, command, now)
            case _:
                LOGGER.debug("x result without result data from %s", session.peer)

    def _destination(self, header: Header) -> LocalFeature | None:
        return self._state.tree.at(header.destination)

    # --- requests ---

    def _request(self, session: Session, header: Header, content: Json, now: float) -> None:
        try:
            self._serve(session, header, content, now)
        except SpineError as error:
            LOGGER.debug("x %.40r of %s refused: %s", header.classifier, session.peer, error)
            self._state.result(session, header, error.error_number, str(error))

    def _serve(self, session: Session, header: Header, content: Json, now: float) -> None:
        if not is_compatible(header.version):
            raise SpineError("specification version not supported", error_number=GENERAL)
        if header.classifier not in CLASSIFIERS:
            raise SpineError("unknown classifier", error_number=GENERAL)
        feature = self._destination(header)
        if feature is None:
            raise SpineError("no such destination", error_number=DESTINATION_UNKNOWN)
        match header.classifier:
            case "read":
                command = parse_command(content, READ, partial(_admit_read, feature))
                self._read(session, header, feature, command, now)
            case "call":
                command = parse_command(content, CALL, partial(_admit_call, feature))
                self._call(session, header, command, now)
            case _:
                self._write(session, header, feature, content, now)

    def _read(
        self,
        session: Session,
        header: Header,
        feature: LocalFeature,
        command: Command,
        now: float,
    ) -> None:
        function = command.function
        if any(one.control == "delete" for one in command.filters):
            raise SpineError("a delete filter in a read", error_number=FILTER_UNSUPPORTED)
        data = self._node.data(session, function.name)
        if data is None:
            held = feature.data.get(function.name) or function.data()
            data = feature.shown(function.name, held, now)
        if command.filters and feature.functions[function.name].partial:
            chosen = select(function, data, command.filters[0])
            # the tag alone: with the selectors repeated, spine-go stores nothing it had not before
            self._state.reply(session, header, function, chosen, (PARTIAL,))
        else:  # more than asked for is allowed where no partial read is announced
            self._state.reply(session, header, function, data)

    def _call(self, session: Session, header: Header, command: Command, now: float) -> None:
        if command.data is None:
            raise SpineError("a call without data", error_number=GENERAL)
        self._node.call(session, header, command.data, now)
        if header.ack_request:
            self._state.result(session, header)

    # --- writes ---

    def _write(
        self, session: Session, header: Header, feature: LocalFeature, content: Json, now: float
    ) -> None:
        name = ""

        def admit(function: AnyFunction) -> None:
            nonlocal name
            name = function.name
            _admit_write(feature, function)

        try:
            command = parse_command(content, WRITE, admit)
            write = self._checked(session, header, feature, command)
        except SpineError as error:
            self._state.events.append(
                WriteRefused(
                    peer=session.peer,
                    client=header.source,
                    server=feature.address,
                    function=name,
                    msg_counter=header.counter,
                    error_number=error.error_number,
                    description=str(error),
                )
            )
            raise
        self._judge(session, header, feature, write, now)

    def _checked(
        self, session: Session, header: Header, feature: LocalFeature, command: Command
    ) -> Write:
        """Return the write with what it would store.

        Raises:
            SpineError: 8, 3, 9 or 7, in this order.
        """
        function = command.function
        self._check_form(command, feature.functions[function.name])
        client = header.source.on(header.source.device or session.remote.address)
        bound = self._state.bindings.find(session.peer, client, feature.address)
        if bound is None and feature.spec.writes_need_binding:
            raise SpineError("binding required", error_number=BINDING_NEEDED)
        stored = feature.data.get(function.name)
        return Write(
            peer=session.peer,
            client=client,
            server=feature.address,
            function=function,
            cmd_data=command.data,
            filters=command.filters,
            stored=stored,
            merged=merge_write(function, stored, command.data, command.filters),
            msg_counter=header.counter,
        )

    def _check_form(self, command: Command, spec: FunctionSpec) -> None:
        if command.filters and not spec.partial:
            raise SpineError("no partial write announced", error_number=FILTER_UNSUPPORTED)
        check_write_filters(command.function, command.filters)
        if len(entries(command.function, command.data)) > self._state.timings.max_items:
            raise SpineError("too many entries", error_number=OVERLOAD)

    def _judge(
        self, session: Session, header: Header, feature: LocalFeature, write: Write, now: float
    ) -> None:
        """Ask the use case, store, answer, then tell the subscribers, the writer too."""
        name = write.function.name
        judge = feature.judges.get(name)
        verdict = judge(write, now) if judge else Accept()
        if isinstance(verdict, Refuse):
            raise SpineError(verdict.description, error_number=verdict.error_number)
        stored = write.merged if verdict.data is None else verdict.data
        feature.data[name] = stored
        if header.ack_request:
            self._state.result(session, header)
        if stored != write.stored:
            self._state.notify(feature.address, write.function, feature.shown(name, stored, now))


def _admit_read(feature: LocalFeature, function: AnyFunction) -> None:
    spec = feature.functions.get(function.name)
    if spec is None or not spec.read:
        raise SpineError(f"{function.name} cannot be read", error_number=NOT_SUPPORTED)


def _admit_call(feature: LocalFeature, function: AnyFunction) -> None:
    spec = feature.functions.get(function.name)
    if spec is None or spec.read:
        raise SpineError(f"{function.name} cannot be called", error_number=NOT_SUPPORTED)


def _admit_write(feature: LocalFeature, function: AnyFunction) -> None:
    spec = feature.functions.get(function.name)
    if spec is None or not spec.write:
        raise SpineError(f"{function.name} cannot be written", error_number=NOT_SUPPORTED)
