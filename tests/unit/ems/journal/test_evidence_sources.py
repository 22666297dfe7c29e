"""Which source an event belongs to, and why it ended."""

from __future__ import annotations

import pytest

from ems.control.grid_limit import Source
from tests.kit.decisions import decision, source
from tests.kit.evidence import FREE, Story, at, limited


@pytest.mark.invariant("I-16")
def test_each_source_has_its_own_event() -> None:
    story = Story()
    eebus = source(Source.EEBUS, 20_000)
    contact = source(Source.CONTACT, 15_120, state="open")
    story.see(decision(eebus, drawn_w=1_000), for_s=90)
    story.see(decision(eebus, contact, drawn_w=1_000), for_s=180)
    story.see(decision(eebus, source(Source.CONTACT, None, state="closed")), for_s=80)
    story.see(FREE)

    events = story.events()

    assert [(e.source, e.received_at, e.released_at) for e in events] == [
        ("eebus", at(0), at(350)),
        ("contact", at(90), at(270)),
    ]


def test_an_event_that_ran_out_says_so() -> None:
    story = Story()
    story.see(limited(4_200, drawn_w=0, expires_at=1_030.0), for_s=30)
    story.see(FREE)

    (event,) = story.events()

    assert event.end_reason == "expired"


def test_a_lost_heartbeat_ends_the_limit_and_begins_the_failsafe() -> None:
    story = Story()
    story.see(limited(4_200, drawn_w=0), for_s=30)
    story.see(decision(source(Source.FAILSAFE, 15_120, state="failsafe")), for_s=30)
    story.see(FREE)

    first, second = story.events()

    assert (first.source, first.end_reason) == ("eebus", "heartbeat_lost")
    assert (second.source, second.received_at, second.end_reason) == (
        "failsafe",
        at(30),
        "released",
    )


def test_the_phase_before_anybody_has_spoken_is_an_event_of_its_own() -> None:
    story = Story()
    init = source(Source.FAILSAFE, 15_120, state="init")
    unknown = source(Source.CONTACT, 15_120, state="unknown")
    story.see(decision(init, unknown), for_s=1)
    story.see(decision(init, source(Source.CONTACT, None, state="closed")), for_s=59)
    story.see(FREE)

    (event,) = story.events()

    assert (event.source, event.received_at, event.released_at) == ("start", at(0), at(60))
