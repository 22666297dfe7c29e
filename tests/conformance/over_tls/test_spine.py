"""A slim set of the SPINE cases again, over loopback TLS: the very tests of the pure cores."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.spine import test_official_cases as cases
from tests.conformance.spine.rig import GuardTool

pytestmark = pytest.mark.loopback

Case = Callable[[GuardTool], None]
SLIM: tuple[Case, ...] = (
    cases.test_unknown_function_is_answered_with_command_not_supported,
    cases.test_read_with_a_higher_minor_version_is_answered,
    cases.test_unknown_types_and_elements_in_a_reply_are_ignored,
    cases.test_every_version_we_send_is_well_formed,
    cases.test_message_counters_ascend,
    cases.test_falling_counters_are_a_new_baseline,
    cases.test_reply_refers_to_its_request,
    cases.test_notify_with_ack_request_is_acknowledged_with_zero,
    cases.test_result_is_never_answered,
    cases.test_new_partner_is_asked_at_once,
    cases.test_silent_partner_is_asked_again_after_30_seconds,
    cases.test_node_management_cannot_be_bound,
    cases.test_write_after_the_binding_was_deleted_is_refused,
    cases.test_node_management_can_be_subscribed,
    cases.test_subscription_may_be_deleted_twice,
    cases.test_controllable_system_follows_the_guard_to_its_new_address,
    cases.test_unknown_element_in_a_limit_write_is_ignored,
)


def rules(case: Case) -> list[pytest.MarkDecorator]:
    marks: list[pytest.Mark] = getattr(case, "pytestmark", [])
    return [pytest.mark.rule(*mark.args) for mark in marks if mark.name == "rule"]


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.__name__[5:], marks=rules(case)) for case in SLIM]
)
def test_case_over_tls(case: Case, tool: GuardTool) -> None:
    case(tool)
