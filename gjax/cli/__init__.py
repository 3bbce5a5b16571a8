"""The command ``gjax``."""

from gjax.cli.main import main as main

__all__ = ["main"]
