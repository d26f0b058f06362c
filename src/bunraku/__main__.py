"""``python -m bunraku``."""

from bunraku.cli import main

if __name__ == "__main__":
    main()
