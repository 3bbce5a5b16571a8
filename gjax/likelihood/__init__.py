"""Likelihoods on frozen arrays: statistics per bin, buckets of datasets, and the joint problem."""

from gjax.likelihood._buckets import AbstractBucket as AbstractBucket
from gjax.likelihood._buckets import CashCubes as CashCubes
from gjax.likelihood._buckets import CashSpectra as CashSpectra
from gjax.likelihood._buckets import FluxPointSets as FluxPointSets
from gjax.likelihood._buckets import OnOffSpectra as OnOffSpectra
from gjax.likelihood._gaussian import chi2 as chi2
from gjax.likelihood._gaussian import chi2_asymmetric as chi2_asymmetric
from gjax.likelihood._on_off import background_profile as background_profile
from gjax.likelihood._on_off import wstat as wstat
from gjax.likelihood._on_off import wstat_weight as wstat_weight
from gjax.likelihood._poisson import cash as cash
from gjax.likelihood._poisson import cash_weight as cash_weight
from gjax.likelihood._problem import BackgroundGroup as BackgroundGroup
from gjax.likelihood._problem import Problem as Problem
from gjax.likelihood._problem import SourceGroup as SourceGroup
from gjax.likelihood._problem import background_norms as background_norms
from gjax.likelihood._problem import cube_npred as cube_npred
from gjax.likelihood._problem import full_theta as full_theta
from gjax.likelihood._problem import predict as predict
from gjax.likelihood._problem import predict_sources as predict_sources
from gjax.likelihood._problem import prior_of_theta as prior_of_theta
from gjax.likelihood._problem import scoring_terms as scoring_terms
from gjax.likelihood._problem import statistic as statistic
from gjax.likelihood._problem import statistic_of_prediction as statistic_of_prediction
