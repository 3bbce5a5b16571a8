"""Forecasts without data: expected Fisher information, errors, limits, and the design of observations."""

from gjax.forecast._equivalent import EquivalentCounts as EquivalentCounts
from gjax.forecast._forecast import Forecast as Forecast
from gjax.forecast._forecast import forecast as forecast
from gjax.forecast._optimise import OptimalDesign as OptimalDesign
from gjax.forecast._plan import Design as Design
from gjax.forecast._plan import Plan as Plan
from gjax.forecast._plan import plan_offsets as plan_offsets
from gjax.forecast._sensitivity import sensitivity_curve as sensitivity_curve
from gjax.forecast._sensitivity_map import sensitivity_map as sensitivity_map
