"""Flux points unfolded together: all norms free at once, with their covariance."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from gjax.datasets import FluxPoints
from gjax.errors import FitError
from gjax.estimators._unfold import BandNorms, null_statistics, pivot_matrices, unfold
from gjax.estimators.flux_points import FluxPointsEstimator, reference_of
from gjax.freeze import FitResult, Likelihood
from gjax.models import Models
from gjax.parameters import GaussianPrior, Parameter
from gjax.units import attach_unit

__all__ = ["RegularizedFluxPointsEstimator"]

PENALTIES = ("log", "lin")
#: Width of the prior of norms without a penalty.
UNKNOWN = 1e8


@dataclasses.dataclass(frozen=True)
class RegularizedFluxPointsEstimator:
    r"""Measures the flux of a source in bands of *true* energy, all bands in one fit.

    The spectrum is multiplied by one norm per band, and all norms are fitted together with the other free parameters:
    what energy dispersion and nuisances make of one band in the others is in the covariance of the points. With
    narrow bands the norms swing; a penalty :math:`\lambda \sum_k (\Delta^2 \ln n_k)^2` on the second differences, after
    Tikhonov (see Schmitt 2017, arXiv 1611.01927), trades that for a bias towards the shape of the reference spectrum
    times a power law.

    Parameters
    ----------
    energy_edges
        Edges of the bands of true energy (Quantity, or numbers in TeV); the outermost norms hold beyond.
    source
        Name of the source; not needed if there is only one.
    smoothness
        Strength :math:`\lambda` of the penalty; 0 for none.
    penalty
        "log": second differences of logarithms of norms, which keeps them positive; "lin": of the norms.
    n_sigma
        Significance of the errors.
    n_sigma_ul
        Significance of the upper limits: the statistic rises by ``n_sigma_ul**2`` above its minimum.
    reoptimize
        Also fit all free parameters that do not belong to the source (nuisances, other sources).

    Raises
    ------
    ValueError
        If the edges do not increase, the smoothness is negative, or the penalty is unknown.

    Examples
    --------
    >>> RegularizedFluxPointsEstimator([1, 3, 10], smoothness=0.5).penalty
    'log'
    """

    energy_edges: Any
    source: str | None = None
    smoothness: float = 0.0
    penalty: str = "log"
    n_sigma: float = 1.0
    n_sigma_ul: float = 2.0
    reoptimize: bool = True

    def __post_init__(self) -> None:
        _ = self._plain.edges
        if not (self.smoothness >= 0 and np.isfinite(self.smoothness)):
            raise ValueError(f"smoothness: expected a number that is not negative, got {self.smoothness}")
        if self.penalty not in PENALTIES:
            raise ValueError(f"penalty: expected one of {', '.join(PENALTIES)}, got {self.penalty!r}")

    @property
    def _plain(self) -> FluxPointsEstimator:
        return FluxPointsEstimator(self.energy_edges, self.source)

    def run(self, likelihood: Likelihood | FitResult) -> FluxPoints:
        """Estimate the flux points.

        Parameters
        ----------
        likelihood
            A likelihood at the spectrum to use as reference, or the result of a fit.

        Returns
        -------
        points
            Norms on the source's spectrum with errors and limits, their ``covariance``, and ``ts``: how much the
            statistic (without the penalty) rises where this norm alone is held at 0. Bands that the data say nothing
            about hold NaN and a ``reason``.

        Raises
        ------
        FitError
            If the source does not exist, or the fit cannot start.
        """
        if isinstance(likelihood, FitResult):
            likelihood = likelihood.likelihood
        source, edges = self._plain.source_of(likelihood), self._plain.edges
        likelihood.models[source]
        low, high = edges[:-1], edges[1:]
        size = len(low)
        is_smoothed = self.smoothness > 0 and size > 2
        is_log = is_smoothed and self.penalty == "log"
        plain, where = self.with_norms(likelihood, source)
        used, to_pivot, place = plain, np.stack([np.eye(size)] * size), np.arange(size)
        if is_smoothed:
            to_pivot, place = pivot_matrices(np.sqrt(low * high)), np.zeros(size, dtype=int)
            matrix = np.linalg.inv(to_pivot[0])
            used, where = self._with_norms(likelihood, source, low, high, matrix, self.smoothness, is_log=is_log)
        reach = np.array([-self.n_sigma, self.n_sigma, self.n_sigma_ul])
        on_device = jax.device_put((where, to_pivot, place, np.asarray(float(is_log)), reach))
        values = {
            key: np.asarray(value)
            for key, value in unfold(used.problem, used.locate(source)[0], used.start, *on_device).items()
        }
        stat_null, stat = (np.asarray(v) for v in null_statistics(plain.problem, plain.start, on_device[0]))
        return self._points(likelihood, source, low, high, values, stat_null - stat, stat_null)

    def with_norms(self, likelihood: Likelihood, source: str) -> tuple[Likelihood, np.ndarray]:
        """Return the likelihood with a free norm per band, without a penalty, and the places of these norms in x.

        Parameters
        ----------
        likelihood
            The likelihood.
        source
            The source.
        """
        edges = self._plain.edges
        return self._with_norms(likelihood, source, edges[:-1], edges[1:], np.eye(len(edges) - 1), 0.0, is_log=False)

    def _with_norms(
        self,
        likelihood: Likelihood,
        source: str,
        low: np.ndarray,
        high: np.ndarray,
        matrix: np.ndarray,
        strength: float,
        *,
        is_log: bool,
    ) -> tuple[Likelihood, np.ndarray]:
        """Return the likelihood with a norm per band, and the places of their parameters in the free vector."""
        size = len(low)
        start = np.linalg.solve(matrix, np.zeros(size) if is_log else np.ones(size))

        def part(values: np.ndarray, prior: Any = None) -> Parameter:
            axes = {"band": [str(k) for k in range(len(values))]}
            return Parameter(values, "", axes=axes, scale=1.0, prior=prior, name="parts")

        # without a penalty a width that no data know, so that both are one program
        width = 1 / np.sqrt(strength) if strength else UNKNOWN
        parts = (part(start[:2]), part(start[2:], GaussianPrior(0.0, width)))[: 2 if size > 2 else 1]
        models = []
        for model in likelihood.models.freeze(f"{source}.*" if self.reoptimize else "*"):
            if model.name == source:
                spectrum = BandNorms(model.spectral_model, parts, high[:-1], matrix, np.asarray(float(is_log)))
                model = dataclasses.replace(model, spectral_model=spectrum)
            models.append(model)
        made = likelihood.with_models(Models(models))
        where = [i for i, name in enumerate(made.free_names) if name.startswith(f"{source}.spectral.parts")]
        if len(where) != size:
            raise FitError(f"source {source!r}: parameters are linked to others, so its spectrum cannot be held")
        return made, np.array(where)

    def _points(
        self,
        likelihood: Likelihood,
        source: str,
        low: np.ndarray,
        high: np.ndarray,
        values: dict[str, np.ndarray],
        ts: np.ndarray,
        stat_null: np.ndarray,
    ) -> FluxPoints:
        size = len(low)
        known = (values["width"] < 1e-3 * UNKNOWN) & bool(values["success"])
        # priors that nothing is known from have this information, too
        depends = values["information"] > 1e4 / UNKNOWN**2
        unknown: Any = np.where(depends, "the data do not tell it from other bands", "the data do not depend on it")
        if not values["success"]:
            unknown = "the fit did not converge"
        elif not _has_counts(likelihood):
            unknown = "no counts"
        reason = np.where(known, "", unknown)
        both = known[:, np.newaxis] & known

        def good(array: np.ndarray) -> np.ndarray:
            return np.where(known, array, np.nan)

        below, above, limit = values["ends"].T
        norms = {
            "norm": good(values["norm"]),
            "norm_err": good(self.n_sigma * values["width"]),
            "norm_errn": good(-below),
            "norm_errp": good(above),
            "norm_ul": good(values["norm"] + limit),
        }
        extra = {
            "ts": good(ts),
            "sqrt_ts": good(np.sign(values["norm"]) * np.sqrt(np.maximum(ts, 0.0))),
            "stat": good(np.full(size, float(values["stat"]))),
            "stat_null": good(stat_null),
            "success": known,
            "reason": reason,
        }
        meta = {"n_sigma": self.n_sigma, "n_sigma_ul": self.n_sigma_ul, "source": source}
        return FluxPoints(
            e_ref=attach_unit(np.sqrt(low * high), "TeV"),
            e_min=attach_unit(low, "TeV"),
            e_max=attach_unit(high, "TeV"),
            norms=norms,
            reference=reference_of(likelihood, source, low, high),
            extra=extra,
            sed_type_init="likelihood",
            meta=meta | {"smoothness": self.smoothness},
            covariance=np.where(both, values["covariance"], np.nan),
        )


def _has_counts(likelihood: Likelihood) -> bool:
    """Return whether there is a count inside of the masks; flux points are data as well."""
    for dataset in likelihood.datasets:
        counts = getattr(dataset, "counts", None)
        if counts is None:
            return True
        mask = True if dataset.mask is None else np.asarray(dataset.mask.data, bool)
        if np.any(mask & (np.asarray(counts.data) > 0)):
            return True
    return False
