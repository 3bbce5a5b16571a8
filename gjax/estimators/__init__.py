"""Questions asked of data and likelihoods: flux points, maps of significance and flux, profiles, sensitivities."""

from gjax.estimators._flags import flag_texts as flag_texts
from gjax.estimators._inputs import estimate_exposure_reco_energy as estimate_exposure_reco_energy
from gjax.estimators._profile_points import FluxProfile as FluxProfile
from gjax.estimators.asmooth import ASmoothMapEstimator as ASmoothMapEstimator
from gjax.estimators.blocks import bayesian_blocks as bayesian_blocks
from gjax.estimators.combine import combine_flux_maps as combine_flux_maps
from gjax.estimators.combine import combine_significance_maps as combine_significance_maps
from gjax.estimators.excess import ExcessMapEstimator as ExcessMapEstimator
from gjax.estimators.flux_maps import FluxMaps as FluxMaps
from gjax.estimators.flux_points import FluxPointsEstimator as FluxPointsEstimator
from gjax.estimators.flux_profile import FluxProfileEstimator as FluxProfileEstimator
from gjax.estimators.image_profile import ImageProfile as ImageProfile
from gjax.estimators.image_profile import ImageProfileEstimator as ImageProfileEstimator
from gjax.estimators.light_curve import LightCurveEstimator as LightCurveEstimator
from gjax.estimators.morphology import EnergyDependentMorphology as EnergyDependentMorphology
from gjax.estimators.morphology import EnergyDependentMorphologyEstimator as EnergyDependentMorphologyEstimator
from gjax.estimators.peaks import find_peaks as find_peaks
from gjax.estimators.peaks import find_peaks_in_flux_map as find_peaks_in_flux_map
from gjax.estimators.profile_regions import (
    make_concentric_annulus_sky_regions as make_concentric_annulus_sky_regions,
)
from gjax.estimators.profile_regions import (
    make_orthogonal_rectangle_sky_regions as make_orthogonal_rectangle_sky_regions,
)
from gjax.estimators.rebin import get_rebinned_axis as get_rebinned_axis
from gjax.estimators.rebin import resample_energy_edges as resample_energy_edges
from gjax.estimators.regularized import RegularizedFluxPointsEstimator as RegularizedFluxPointsEstimator
from gjax.estimators.sensitivity import SensitivityEstimator as SensitivityEstimator
from gjax.estimators.sensitivity import flux_time_slope as flux_time_slope
from gjax.estimators.source_lists import models_from_table as models_from_table
from gjax.estimators.source_lists import source_table as source_table
from gjax.estimators.ts_map import TSMapEstimator as TSMapEstimator
from gjax.estimators.variability import compute_lightcurve_chisq as compute_lightcurve_chisq
from gjax.estimators.variability import (
    compute_lightcurve_discrete_correlation as compute_lightcurve_discrete_correlation,
)
from gjax.estimators.variability import compute_lightcurve_doublingtime as compute_lightcurve_doublingtime
from gjax.estimators.variability import compute_lightcurve_fpp as compute_lightcurve_fpp
from gjax.estimators.variability import compute_lightcurve_fvar as compute_lightcurve_fvar
from gjax.estimators.variability import (
    compute_lightcurve_structure_function as compute_lightcurve_structure_function,
)
