"""The bridge: host datasets and models become a frozen likelihood, and results become tables and models again."""

from gjax.freeze._compiled import compiled_prediction as compiled_prediction
from gjax.freeze._compiled import compiled_source_prediction as compiled_source_prediction
from gjax.freeze._compiled import compiled_spectrum as compiled_spectrum
from gjax.freeze._covariances import FitCovariance as FitCovariance
from gjax.freeze._cubes import cube_arrays as cube_arrays
from gjax.freeze._datasets import freeze_datasets as freeze_datasets
from gjax.freeze._folds import draw_sources as draw_sources
from gjax.freeze._images import cube_backgrounds as cube_backgrounds
from gjax.freeze._images import cube_signals as cube_signals
from gjax.freeze._likelihood import Likelihood as Likelihood
from gjax.freeze._points import point_source_counts as point_source_counts
from gjax.freeze._posterior import Posterior as Posterior
from gjax.freeze._result import Contour as Contour
from gjax.freeze._result import FitResult as FitResult
from gjax.freeze._result import Profile as Profile
from gjax.freeze._weighted import WeightedPosterior as WeightedPosterior
