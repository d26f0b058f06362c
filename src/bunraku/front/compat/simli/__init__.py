"""Simli's session protocol: a token, ICE servers, and a WebSocket that carries SDP and PCM.

Read from the clients themselves (simli-ai 2.0 and 2.1 on the Python package index); docs/agents.md.
"""
