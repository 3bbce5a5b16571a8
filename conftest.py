"""Double precision for all tests and doctests, as every fit should have."""

import gjax

gjax.enable_x64()
