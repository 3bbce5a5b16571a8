"""Numbers of gjax beside published and reference numbers: ``python -m benchmarks.parity CASE``."""
