"""A browser's offer to watch, in what matters."""

from __future__ import annotations

PRINT = ":".join(["AB"] * 32)
OFFER = f"""v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=ice-ufrag:peer
a=ice-pwd:ofThePeer0123456789abcd
m=audio 9 UDP/TLS/RTP/SAVPF 111 0
a=mid:0
a=recvonly
a=rtpmap:111 opus/48000/2
a=fingerprint:sha-256 {PRINT}
m=video 9 UDP/TLS/RTP/SAVPF 96 102 104 106
a=mid:1
a=recvonly
a=rtpmap:96 VP8/90000
a=rtpmap:102 H264/90000
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:104 H264/90000
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
"""
