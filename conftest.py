"""Double precision for all tests and doctests, as every fit should have."""

import gjax

gjax.enable_x64()

# scripts that make stored numbers need the reference package
collect_ignore_glob = ["tests/*/make_golden*.py", "make_golden*.py"]
