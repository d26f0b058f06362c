"""Digital humans made from what somebody brings: one folder per kind of source."""
