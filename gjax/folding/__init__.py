"""Folding of models through responses: pure functions, one file per method."""

from gjax.folding._corners import Corners as Corners
from gjax.folding._cube import CubeFold as CubeFold
from gjax.folding._cube import FixedFold as FixedFold
from gjax.folding._cube import cube_bins as cube_bins
from gjax.folding._cube import fixed_bins as fixed_bins
from gjax.folding._cube import fold_axes as fold_axes
from gjax.folding._cube import numbers_of as numbers_of
from gjax.folding._cube import over_datasets as over_datasets
from gjax.folding._cube import own_leaves as own_leaves
from gjax.folding._cube import source_image as source_image
from gjax.folding._grid import GridShape as GridShape
from gjax.folding._grid import grid_shape as grid_shape
from gjax.folding._grid import wave_numbers as wave_numbers
from gjax.folding._mapped import mapped as mapped
from gjax.folding._psf_width import PSF_WIDTHS as PSF_WIDTHS
from gjax.folding._psf_width import of_width as of_width
from gjax.folding._radial import profile_coefficients as profile_coefficients
from gjax.folding._radial import spline_profile as spline_profile
from gjax.folding._spectrum import fold_spectrum as fold_spectrum
from gjax.folding._spectrum import scaled_edges as scaled_edges
from gjax.folding._symmetric import PointShape as PointShape
from gjax.folding._symmetric import RadialShape as RadialShape
