"""Write docs/performance.md from docs/bench.json, docs/bench-cluster.json, docs/bench-voices.json and the
words in docs/performance.in.md.

``bunraku bench --out docs/bench.json`` takes the figures, ``bench cluster`` and ``bench simulation`` those
of the second file, ``bench voices`` those of the third; nothing is typed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
PAGE, WORDS, FIGURES = DOCS / "performance.md", DOCS / "performance.in.md", DOCS / "bench.json"
CLUSTER = DOCS / "bench-cluster.json"
VOICES = DOCS / "bench-voices.json"
BUDGETS: dict[str, tuple[str, str, str]] = {
    # figure: (what, key, budget)
    "create_to_streaming_ms": ("Create → status 3, ms", "p95", "≤ 200"),
    "text_to_first_voice_ms": ("DriveByText → first voiced sample at the receiver, ms", "p95", "≤ 120"),
    "interrupt_to_silence_ms": ("interrupt → silence at the receiver, ms", "p95", "≤ 100"),
    "av_offset_ms": ("picture after its sound at the receiver, ms", "p95", "≤ 20"),
    "watched_512x512": (
        "watched 512×512 without rendering, × x264 alone",
        "ratio_without_rendering",
        "≤ 1.5",
    ),
    "watched_512x512#": ("watched 512×512 with rendering, × x264 alone", "ratio", "≤ 2.5"),
    "watched_512x512##": ("compose a frame, talking, 512×512, ms CPU (median)", "render_median_ms", "≤ 1.5"),
    "watched_720x1280": (
        "watched 720×1280 without rendering, × x264 alone",
        "ratio_without_rendering",
        "≤ 1.3",
    ),
    "watched_720x1280#": ("watched 720×1280 with rendering, × x264 alone", "ratio", "≤ 2.0"),
    "watched_720x1280##": ("compose a frame, talking, 720×1280, ms CPU (median)", "render_median_ms", "≤ 3"),
    "extra_watcher_512x512": ("one more watcher, % of a core", "core_percent", "≤ 0.4"),
    "drawn_720x1280": ("720×1280 drawn by its watcher, % of a core", "core_percent", "≤ 3"),
    "drawn_720x1280#": ("the same, kbit/s without UDP and IP headers", "kbit_per_second", "≤ 60"),
    "extra_drawing_watcher": ("one more watcher that draws, % of a core", "core_percent", ""),
    "density_drawn": ("streams drawn by their watchers, held (light receivers)", "streams", "≥ 40"),
    "unwatched_512x512": ("unwatched stream, % of a core", "core_percent", "≤ 1"),
    "unwatched_512x512#": ("unwatched stream, MB", "memory_mb", "≤ 4"),
    "query": ("Query, × the framework's bare route by CPU", "share_of_bare", "≥ 0.6"),
    "density_512x512_6": (
        "event-loop lag with six 512×512 streams, p99 below, ms",
        "loop_lag_p99_ms_below",
        "≤ 20",
    ),
    "density_720x1280": ("720×1280 streams until sound would be late", "streams", "≥ 6"),
    "density_512x512": ("512×512 streams until sound would be late", "streams", ""),
}


OF_A_CLUSTER: dict[str, tuple[str, str, str]] = {
    "cluster_added_timbres_ms": ("a list that a node answers, added by Ray, ms", "p95", "≤ 15"),
    "cluster_added_interrupt_ms": ("an interrupt through a front to a node, added, ms", "p95", "≤ 15"),
    "cluster_create_to_streaming_ms": ("Create → status 3 across Ray, ms", "p95", "≤ 400"),
    "cluster_text_to_first_voice_ms": ("DriveByText → first voiced sample across Ray, ms", "p95", "≤ 120"),
    "cluster_memory_mb": ("each further node on the machine, MB (PSS)", "further", "≤ 200"),
    "cluster_density_1_process": ("512×512 streams held by one process", "streams", ""),
    "cluster_density_2_nodes": ("512×512 streams held by two nodes on the same cores", "streams", ""),
    "simulated_create_ms": ("simulated: Create, at a steady pace, ms", "p95", ""),
    "simulated_create_together_ms": ("simulated: Create, as many as go, ms", "p95", ""),
    "simulated_query_ms": ("simulated: Query of one app, ms", "p95", ""),
    "simulated_query_large_ms": ("simulated: Query of the largest app, ms", "p95", ""),
    "simulated_query_flat": (
        "simulated: Query (median), × the same app alone in the database",
        "ratio",
        "",
    ),
    "simulated_loss": (
        "simulated: seconds until a loss is noticed, on the nodes' clock",
        "noticed_after_s",
        "",
    ),
    "simulated_loss#": (
        "simulated: from the first take-over until all tasks are ended, s",
        "all_ended_s",
        "",
    ),
    "simulated_loss##": ("simulated: callbacks made twice or not at all", "callbacks_wrong", "≤ 0"),
}


OF_VOICES: dict[str, tuple[str, str, str]] = {
    "text_to_first_voice_espeak_ms": (
        "espeak-ng: text → first voiced sample at the receiver, ms",
        "p95",
        "≤ 120",
    ),
    "text_to_first_voice_flite_ms": ("flite: the same", "p95", "≤ 120"),
    "text_to_first_voice_kokoro_ms": ("Kokoro: the same", "p95", "≤ 500"),
    "talkers_espeak": ("espeak-ng: speakers at once on a core", "held", ""),
    "talkers_flite": ("flite: the same", "held", ""),
    "talkers_kokoro": ("Kokoro: the same", "held", ""),
}


def met(value: float, budget: str) -> str:
    if not budget:
        return ""
    sign, limit = budget.split()
    good = value <= float(limit) if sign == "≤" else value >= float(limit)
    return "yes" if good else "**no**"


def rows(budgets: dict[str, tuple[str, str, str]], results: dict[str, Any]) -> list[str]:
    out: list[str] = []
    for figure, (what, key, budget) in budgets.items():
        found = results.get(figure.rstrip("#"))
        if found is None:
            continue
        middle = found.get("p50", "")
        rounds = found.get(f"{key}_rounds")
        label = f"{found[key]} (p95)" if key == "p95" else str(found[key])
        if rounds:
            label += f" ({rounds[0]} to {rounds[-1]})"
        out.append(f"| {what} | {middle} | {label} | {budget} | {met(float(found[key]), budget)} |")
    return out


def of_a_cluster(report: dict[str, Any]) -> str:
    m, results = report["machine"], report["results"]
    out = [f"{m['cores']} cores of {m['cpu']}, Python {m['python']}."]
    scale = results.get("simulated_scale")
    if scale:
        out.append(
            f"Simulated: {scale['nodes']} nodes, {scale['tasks']} tasks, {scale['apps']} apps and "
            f"{scale['fronts']} fronts; time of nodes and fronts {scale['slowness']} times slower."
        )
    out += ["", "| What | p50 | measured | budget | met |", "|---|---|---|---|---|"]
    out += rows(OF_A_CLUSTER, results)
    if scale:
        placed = results["simulated_placement"]
        kinds = [
            ("in the database, after all births", results["simulated_load"]),
            (f"a burst of {placed['per_second']:.0f} a second, recent ones counted", placed["with_recent"]),
            ("the same burst, recent ones forgotten", placed["without_recent"]),
        ]
        out += ["", "| Tasks on a node | min | median | max | deviation / mean |", "|---|---|---|---|---|"]
        out += [
            f"| {n} | {f['min']:.0f} | {f['median']:.0f} | {f['max']:.0f} | {f['cv']} |" for n, f in kinds
        ]
    return "\n".join(out)


def of_voices(report: dict[str, Any]) -> str:
    m = report["machine"]
    out = [f"{m['cores']} cores of {m['cpu']}, {report['samples']} samples of each latency.", ""]
    out += ["| What | p50 | measured | budget | met |", "|---|---|---|---|---|"]
    return "\n".join(out + rows(OF_VOICES, report["results"]))


def tables(report: dict[str, Any]) -> str:
    m, results = report["machine"], report["results"]
    out = [
        f"{m['cores']} cores of {m['cpu']}, Python {m['python']}, {report['samples']} samples of each latency.",
        "",
        "| What | p50 | measured | budget | met |",
        "|---|---|---|---|---|",
    ]
    out += rows(BUDGETS, results)
    out += [
        "",
        "| Stream, watched and talking | core | render | encode | the rest | x264 alone |",
        "|---|---|---|---|---|---|",
    ]
    for size in ("512x512", "720x1280"):
        f = results[f"watched_{size}"]
        out.append(
            f"| {size.replace('x', '×')} at 25 a second | {f['core_percent']} % | {f['render_ms']} ms | "
            f"{f['encode_ms']} ms | {f['rest_core_percent']} % | {f['x264_alone_percent']} % |"
        )
    out += [
        "",
        "| Watched, talking streams at once | pictures late | event-loop lag, p99 below |",
        "|---|---|---|",
    ]
    for name, f in results.items():
        if name.startswith("density_") and "frames_late_percent" in f:
            _, size, count = name.split("_")
            late, lag = f["frames_late_percent"], f["loop_lag_p99_ms_below"]
            out.append(f"| {count} × {size.replace('x', '×')} | {late} % | {lag} ms |")
    return "\n".join(out)


def render() -> str:
    words = WORDS.read_text("utf-8")
    words = words.replace("<!-- figures -->", tables(json.loads(FIGURES.read_text("utf-8"))))
    words = words.replace("<!-- voices -->", of_voices(json.loads(VOICES.read_text("utf-8"))))
    return words.replace("<!-- cluster -->", of_a_cluster(json.loads(CLUSTER.read_text("utf-8"))))


if __name__ == "__main__":
    text = render()
    if "--check" in sys.argv:
        if PAGE.read_text("utf-8") != text:
            sys.exit("docs/performance.md is stale")
    else:
        PAGE.write_text(text, "utf-8")
