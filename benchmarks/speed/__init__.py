"""Times of gjax beside those of the reference package: ``python -m benchmarks.speed CASE``."""
