"""Asking several nodes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bunraku.nodes.base import Node, NodeAway, Nodes

T = TypeVar("T")


async def of_all(nodes: Nodes, ask: Callable[[Node], Awaitable[T]]) -> list[T]:
    """What the nodes answer; those that are away are left out."""

    async def one(node: Node) -> tuple[T, ...]:
        try:
            return (await ask(node),)
        except NodeAway:
            return ()

    answers = await asyncio.gather(*(one(node) for node in await nodes.all()))
    return [answer for some in answers for answer in some]
