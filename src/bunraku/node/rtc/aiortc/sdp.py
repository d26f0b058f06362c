"""Small, line-wise work on session descriptions (RFC 8866)."""

from __future__ import annotations


def without_mdns(offer: str) -> str:
    """Drop ``.local`` candidates: each would cost a second of multicast look-ups, and the peer's
    own checks reach us anyway (RFC 8445 peer-reflexive candidates)."""
    lines = offer.replace("\r\n", "\n").split("\n")
    kept = [x for x in lines if not (x.startswith("a=candidate:") and ".local " in x)]
    return "\r\n".join(kept)


def advertise(answer: str, addresses: tuple[str, ...]) -> str:
    """Offer these addresses instead of the host's own, on the ports the host gathered."""
    if not addresses:
        return answer
    out: list[str] = []
    for line in answer.split("\r\n"):
        fields = line.split(" ")
        if not line.startswith("a=candidate:") or len(fields) < 8 or fields[7] != "host":
            out.append(line)
            continue
        for i, address in enumerate(addresses):
            if (":" in address) == (":" in fields[4]):
                replaced = [f"{fields[0]}{i}", *fields[1:4], address, *fields[5:]]
                if " ".join(replaced) not in out:
                    out.append(" ".join(replaced))
    return "\r\n".join(out)
