"""Two nodes that pair and talk to each other, with a fast protocol clock."""

from __future__ import annotations

from eebus.node.clock import SystemClock
from tests.kit.node import LOOPBACK, Bench, datagram


def fast() -> SystemClock:
    """A second of the protocol takes 20 ms."""
    return SystemClock(speed=50.0)


async def pair(server: Bench, client: Bench) -> None:
    await server.node.add(client.ski)
    await client.node.add(server.ski, LOOPBACK, server.node.port)
    await server.link_up(client.ski)
    await client.link_up(server.ski)


async def say(sender: Bench, receiver: Bench, number: int) -> None:
    await sender.node.call(
        lambda actors, _now: actors.outgoing.append((receiver.ski, datagram(number)))
    )
    await receiver.until(lambda: (sender.ski, datagram(number)) in receiver.actors.received)
