"""Protocols of other services, spoken to their own clients; each translates to the halls and adds nothing."""
