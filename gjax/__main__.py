"""``python -m gjax`` is the command ``gjax``."""

from gjax.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
