"""A news reader for cron: the newest headlines of a feed, read into a film, and the process ends.

    0 7 * * *  BUNRAKU_URL=... BUNRAKU_APP_ID=... BUNRAKU_SERVER_SECRET=... python news.py https://example.org/feed.xml

The film is a recording of the server's (docs/outputs.md); its name is printed. The feed is RSS 2.0 or Atom.
Read only feeds you trust, or put defusedxml in the place of the standard library's parser.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import xml.etree.ElementTree as ElementTree

import httpx

from bunraku.client import AsyncClient

MOST = 5
ATOM = "{http://www.w3.org/2005/Atom}"


def headlines(feed: str) -> list[str]:
    root = ElementTree.fromstring(feed)  # noqa: S314  said above
    items = root.findall(".//item") or root.findall(f".//{ATOM}entry")
    titles = [item.findtext("title") or item.findtext(f"{ATOM}title") or "" for item in items]
    return [title.strip().rstrip(".") + "." for title in titles if title.strip()][:MOST]


async def main() -> None:
    env = os.environ
    async with httpx.AsyncClient(timeout=30, follow_redirects=True) as http:
        feed = (await http.get(sys.argv[1])).raise_for_status().text
    name = time.strftime("news-%Y-%m-%d-%H%M")
    async with (
        AsyncClient(env["BUNRAKU_URL"], int(env["BUNRAKU_APP_ID"]), env["BUNRAKU_SERVER_SECRET"]) as api,
        api.perform(
            env.get("BUNRAKU_HUMAN", "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11"),
            room_id=name,
            stream_id=name,
            timbre_id=env.get("BUNRAKU_TIMBRE", "en-us-grace"),
        ) as reader,
    ):
        output = await api.call(
            "AddStreamOutput", TaskId=reader.task_id, Output={"Protocol": "file", "Name": name}
        )
        await reader.say("Good morning. Here is the news.")
        for headline in headlines(feed):
            await reader.say(headline)
        await reader.say("That was the news.")
        await api.call("RemoveStreamOutput", TaskId=reader.task_id, OutputId=output["OutputId"])
        while True:
            outputs = (await api.call("QueryStreamOutputs", TaskId=reader.task_id))["Outputs"]
            if outputs[0]["Status"] in ("COMPLETE", "FAILED"):
                break
            await asyncio.sleep(0.5)
    if outputs[0]["Status"] == "FAILED":
        sys.exit(outputs[0].get("FailReason"))
    for file in outputs[0]["Files"]:
        print(file["Name"], file["Url"])


if __name__ == "__main__":
    asyncio.run(main())
