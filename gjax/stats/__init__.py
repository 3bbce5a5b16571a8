"""Statistics of counts: significances, errors, limits and intervals, for arrays of any shape at once."""

from gjax.stats._feldman_cousins import feldman_cousins as feldman_cousins
from gjax.stats._fit_statistics import cash as cash
from gjax.stats._fit_statistics import cstat as cstat
from gjax.stats._fit_statistics import get_wstat_mu_bkg as get_wstat_mu_bkg
from gjax.stats._fit_statistics import wstat as wstat
from gjax.stats._null import asimov_significance as asimov_significance
from gjax.stats._null import p_value_to_sigma as p_value_to_sigma
from gjax.stats._null import ts_p_value as ts_p_value
from gjax.stats._pareto import pareto_limit as pareto_limit
from gjax.stats._pareto import pareto_smooth as pareto_smooth
from gjax.stats._sigma import sigma_to_ts as sigma_to_ts
from gjax.stats._sigma import ts_to_sigma as ts_to_sigma
from gjax.stats._significance import cash_significance as cash_significance
from gjax.stats._significance import correlated_significance as correlated_significance
from gjax.stats._significance import li_ma_significance as li_ma_significance
from gjax.stats.counts_statistic import CashCountsStatistic as CashCountsStatistic
from gjax.stats.counts_statistic import WStatCountsStatistic as WStatCountsStatistic
from gjax.stats.variability import compute_chisq as compute_chisq
from gjax.stats.variability import compute_flux_doubling as compute_flux_doubling
from gjax.stats.variability import compute_fpp as compute_fpp
from gjax.stats.variability import compute_fvar as compute_fvar
from gjax.stats.variability import discrete_correlation as discrete_correlation
from gjax.stats.variability import structure_function as structure_function
