"""Plots: functions that take arrays, draw on a matplotlib axes and return it."""

from gjax.plot.irf import plot_background_image as plot_background_image
from gjax.plot.irf import plot_background_spectrum as plot_background_spectrum
from gjax.plot.irf import plot_curves as plot_curves
from gjax.plot.irf import plot_edisp_bias as plot_edisp_bias
from gjax.plot.irf import plot_edisp_matrix as plot_edisp_matrix
from gjax.plot.irf import plot_energy_offset as plot_energy_offset
from gjax.plot.irf import plot_migration as plot_migration
from gjax.plot.likelihood import plot_contour as plot_contour
from gjax.plot.likelihood import plot_profile as plot_profile
from gjax.plot.posterior import plot_corner as plot_corner
from gjax.plot.posterior import plot_trace as plot_trace
from gjax.plot.sed import plot_flux_points as plot_flux_points
from gjax.plot.sed import plot_sed as plot_sed
from gjax.plot.sed import plot_stat_scan as plot_stat_scan
from gjax.plot.sky import plot_counts_map as plot_counts_map
from gjax.plot.sky import plot_field_of_view as plot_field_of_view
from gjax.plot.sky import plot_regions as plot_regions
from gjax.plot.spectrum import plot_counts as plot_counts
from gjax.plot.spectrum import plot_excess as plot_excess
from gjax.plot.spectrum import plot_residuals as plot_residuals
from gjax.plot.spectrum import plot_spectrum_fit as plot_spectrum_fit
from gjax.plot.style import COLORS as COLORS
from gjax.plot.style import new_axes as new_axes
from gjax.plot.style import new_figure as new_figure
from gjax.plot.style import save as save
from gjax.plot.style import style as style
