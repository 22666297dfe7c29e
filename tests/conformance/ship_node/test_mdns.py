"""TC_SHIP_MDNS_001 over multicast on the loopback interface only."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from tests.kit.node import LOOPBACK, make_bench, run, running

pytestmark = pytest.mark.loopback

SERVICE = "_ship._tcp.local."


def strings_of(txt: bytes) -> list[str]:
    found, at = [], 0
    while at < len(txt):
        found.append(txt[at + 1 : at + 1 + txt[at]].decode("utf-8"))
        at += 1 + txt[at]
    return found


@pytest.mark.rule("TC_SHIP_MDNS_001")
def test_txt_record_is_complete_and_the_announced_port_is_open(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    bench.node._config = replace(bench.node._config, mdns=True, brand="Test", model="ems")

    async def work() -> None:
        zeroconf = AsyncZeroconf(interfaces=[LOOPBACK])
        try:
            async with running(bench):
                name = f"Test-ems-{bench.identity.serial}.{SERVICE}"
                info = AsyncServiceInfo(SERVICE, name)
                async with asyncio.timeout(10):
                    while not await info.async_request(zeroconf.zeroconf, 500):
                        pass
                strings = strings_of(info.text or b"")
                pairs = dict(text.split("=", 1) for text in strings)
                assert strings[0] == "txtvers=1"
                assert pairs["id"] == "EMS-TEST"
                assert pairs["path"] == "/ship/"
                assert pairs["ski"] == bench.identity.ski
                assert pairs["register"] == "false"
                assert pairs["cat"] == "2"
                assert (pairs["brand"], pairs["model"]) == ("Test", "ems")
                assert len(info.text or b"") <= 400
                assert info.port == bench.node.port
                assert info.parsed_addresses() == [LOOPBACK]
                reader, writer = await asyncio.open_connection(LOOPBACK, info.port)
                writer.close()
                assert await reader.read() == b""
        finally:
            await zeroconf.async_close()

    run(work())
