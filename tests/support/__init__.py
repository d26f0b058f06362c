"""What several test modules share: real servers around ours, and small helpers."""
