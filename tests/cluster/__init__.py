"""Several processes, and what becomes of them."""
