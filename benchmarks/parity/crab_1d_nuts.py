"""Posterior of the log parabola on the stacked H.E.S.S. Crab spectrum: NUTS beside quadrature and nested sampling.

Widths agree with those of the profile likelihoods. Means need not: the likelihood is skewed in index and curvature, and
a marginal mean is not a best fit. What a mean must agree with is the integral of the posterior on a grid, which
the case takes as well; the profile interval and the shift are in the notes.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gjax
from benchmarks.parity.crab_1d import reduce, stack
from benchmarks.parity.inputs import Inputs, models_of
from benchmarks.parity.report import Report
from gjax.parameters import LogUniformPrior, UniformPrior

PRIORS = {
    "amplitude": LogUniformPrior(1e-12, 1e-10),
    "alpha": UniformPrior(1.0, 5.0),
    "beta": UniformPrior(-1.0, 1.0),
}
N_SAMPLES = 3000


def integrate(result: Any, *, reach: float = 7.0, points: int = 71) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of every free parameter by summing the posterior over a whitened grid."""
    likelihood, n = result.likelihood, result.n_free
    root = np.linalg.cholesky(result.x_covariance[:n, :n])
    axes = np.meshgrid(*[np.linspace(-reach, reach, points)] * n, indexing="ij")
    x = result.x[:n] + np.stack([axis.ravel() for axis in axes], axis=1) @ root.T
    statistic = np.asarray(jax.lax.map(likelihood.statistic, jnp.asarray(x), batch_size=512))
    weight = np.exp(-0.5 * (statistic - np.nanmin(statistic)))
    weight = np.where(np.isfinite(weight), weight, 0.0) / np.nansum(weight)
    theta = x * likelihood.scale
    mean = weight @ theta
    width = np.sqrt(weight @ (theta - mean) ** 2)
    return {name: (float(m), float(w)) for name, m, w in zip(likelihood.free_names, mean, width)}


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case."""
    reference = inputs.json("mcmc.json")
    spectrum = stack(reduce(inputs))
    models = models_of(reference["fit"]["start_models"])
    profile = gjax.Likelihood(spectrum, models).fit()
    intervals = profile.confidence()
    likelihood = gjax.Likelihood(spectrum, models.with_priors(PRIORS))
    result = likelihood.fit()
    posterior = likelihood.sample(
        jax.random.key(0), result=result, n_samples=500 if quick else N_SAMPLES, n_warmup=500, n_chains=4
    )
    exact = integrate(result)
    report.info["nuts"] = {"n_steps": posterior.n_steps}
    report.truth("NUTS: converged", posterior.converged, posterior.message)
    report.exact("NUTS: divergences", posterior.divergences, 0)
    nested = reference["ultranest_1d_stacked_lp"]
    for row in posterior.summary():
        name = row["name"].rsplit(".", 1)[-1]
        errn, errp = intervals[row["name"]]
        mean, width = exact[row["name"]]
        best, half = profile[name][0], 0.5 * (errn + errp)
        text = f"profile {best:.4g} -{errn:.3g} +{errp:.3g}"
        shift = (mean - best) / half
        report.at_most(f"{name}: R-hat", row["r_hat"], 1.01)
        note = f"{text}; by quadrature the marginal mean is {shift:+.2f} profile errors off the best fit"
        report.sigmas(f"{name}: mean beside quadrature", row["mean"], mean, width, 0.05, note)
        report.relative(f"{name}: width beside quadrature", row["std"], width, 0.05)
        report.relative(f"{name}: width beside profile", row["std"], half, 0.05, text)
        k, effective = reference["par_names"].index(name), nested["ess"]
        note = f"4 standard errors of its {effective:.0f} draws"
        report.sigmas(
            f"{name}: mean beside UltraNest", row["mean"], nested["mean"][k], nested["std"][k], 4 / effective**0.5, note
        )
        report.relative(
            f"{name}: width beside UltraNest", row["std"], nested["std"][k], 4 / (2 * effective) ** 0.5, note
        )
