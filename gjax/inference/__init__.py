"""Inference on frozen likelihoods: minimise, covariance, profiles, samples. Pure functions of arrays."""

from gjax.inference._covariance import covariance_at as covariance_at
from gjax.inference._covariance import invert_information as invert_information
from gjax.inference._lanes import run_lanes as run_lanes
from gjax.inference._minimise import CONVERGED as CONVERGED
from gjax.inference._minimise import NOT_FINITE as NOT_FINITE
from gjax.inference._minimise import STALLED as STALLED
from gjax.inference._minimise import STEPS as STEPS
from gjax.inference._minimise import Minimum as Minimum
from gjax.inference._minimise import bounds_of as bounds_of
from gjax.inference._minimise import minimise as minimise
from gjax.inference._minimise import minimise_many as minimise_many
from gjax.inference._profile import RayEnd as RayEnd
from gjax.inference._profile import Rays as Rays
from gjax.inference._profile import find_crossing as find_crossing
from gjax.inference._profile import find_crossings as find_crossings
from gjax.inference._profile import lanes_at_once as lanes_at_once
from gjax.inference._profile import nothing_own as nothing_own
from gjax.inference._profile import profile_points as profile_points
from gjax.inference._sample import Whitening as Whitening
from gjax.inference._sample import make_sampler as make_sampler
from gjax.inference._sample import to_x as to_x
from gjax.inference._sample import whiten as whiten
