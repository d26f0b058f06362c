"""A worker's job: download a picture, and decode it when it is told to go on.

Asked: ``{"url", "allow_private", "connect_timeout", "max_bytes", "max_redirects", "width", "height"}``.
Answered by ``{"fetched": bytes}``; after any block it goes on, and answers with ``{}`` and the I420
planes, width x height x 3/2 bytes.
"""

from __future__ import annotations

from typing import Any

import cv2

from bunraku.core.urls import FetchFailed
from bunraku.node.avatars.picture_file import BackdropFailed, read, size_of
from bunraku.node.workers.download import download
from bunraku.node.workers.zygote import Link, limit_cpu, limit_memory

MEMORY = 768 * 1024 * 1024
"""Bytes beyond what the worker begins with: the largest progressive JPEG's coefficients (240 MB),
planes (120) and pixels (twice 120) side by side."""
CPU = 15.0  # s


def run(request: dict[str, Any], link: Link) -> None:
    cv2.setNumThreads(1)
    limit_memory(MEMORY)
    limit_cpu(CPU)
    wanted = ("allow_private", "connect_timeout", "max_bytes", "max_redirects")
    with download(request["url"], **{k: request[k] for k in wanted}) as body:
        data = b"".join(body)
    try:
        size_of(data)  # what is none need not wait for its turn
        link.send({"fetched": len(data)})
        if link.receive() is None:
            return
        picture = read(data, request["width"], request["height"])
    except BackdropFailed as error:
        raise FetchFailed(str(error)) from error
    except cv2.error as error:  # its way to say that there is no memory
        raise FetchFailed("picture takes too much memory") from error
    link.send({}, picture.buffer.tobytes())
