"""Questions asked of a likelihood: flux points (light curves, maps and sensitivities join them here)."""

from gjax.estimators.flux_points import FluxPointsEstimator as FluxPointsEstimator
