"""Folding of models through responses: pure functions, one file per method."""

from gjax.folding._spectrum import fold_spectrum as fold_spectrum
from gjax.folding._spectrum import scaled_edges as scaled_edges
