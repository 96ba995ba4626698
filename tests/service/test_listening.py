"""Workers share out the connections that come, and none waits for one that takes nothing."""

import asyncio
import socket
from collections import Counter

from libelle.service.listening import Listener, Shares


async def taken(slots: list[int], connections: int, others: dict[int, int]) -> list[int]:
    """How many connections listeners take that all come at once; `others` have some already, and take none."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    shares, counts = Shares(), Counter[int]()
    for slot, count in others.items():
        shares.set(slot, count)

    class Protocol(asyncio.Protocol):
        def __init__(self, slot: int) -> None:
            counts[slot] += 1

    listeners = [
        Listener(bound.dup(), lambda slot=slot: Protocol(slot), None, shares, slot, lambda slot=slot: counts[slot])
        for slot in slots
    ]
    clients = [socket.create_connection(bound.getsockname()) for _ in range(connections)]
    async with asyncio.timeout(30):
        while counts.total() < connections:
            await asyncio.sleep(0)
    for listener in listeners:
        listener.close()
    for client in clients:
        client.close()
    return [counts[slot] for slot in slots]


def test_connections_that_come_at_once_are_shared_out() -> None:
    first, second = asyncio.run(taken([0, 1], 16, {}))
    assert abs(first - second) <= 2


def test_who_takes_nothing_keeps_nobody_waiting_for_long() -> None:
    assert asyncio.run(taken([0], 30, {1: 0})) == [30]
