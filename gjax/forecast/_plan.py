"""Information as a pure function of how one observes, so that it can be differentiated and optimised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.forecast._equivalent import limit_quantile
from gjax.likelihood import LEAST_COUNTS as LEAST
from gjax.likelihood import ExpectedBins, expected_bins, lattice

if TYPE_CHECKING:
    from gjax.forecast._forecast import Forecast
    from gjax.forecast._optimise import OptimalDesign

__all__ = ["Design", "Plan", "bins_of", "compiled_error", "compiled_limit", "make_plan", "plan_offsets"]

_bins = jax.jit(expected_bins)


class Design(eqx.Module):
    """How one observes, per dataset: arrays of shape (datasets,).

    Parameters
    ----------
    livetime
        Factor on the observing time: on exposure and backgrounds.
    area
        Factor on the effective area: on the exposure only.
    threshold
        Energies below are not used [TeV]; a bin counts by the part of it (in log energy) that lies above.
    offset
        Angle between pointing and target [deg], within the offsets that the plan knows.
    """

    livetime: Array
    area: Array
    threshold: Array
    offset: Array


class _Bucket(eqx.Module):
    """Bins of one bucket at every known offset (leading axis), and which datasets they are of."""

    bins: ExpectedBins
    datasets: Array
    log_low: Array
    log_high: Array
    energy_bin: Array
    is_counts: bool = eqx.field(static=True)


class Plan(eqx.Module):
    r"""Expected information of a likelihood as a pure function of the design of its observations.

    With the time t, the area a and the threshold weight w of a dataset, its bins expect :math:`t (a s + b)` counts and
    add :math:`w\,t\,(a s' + b')^T (a s' + b') / (a s + b + n)` to the information, where n is the variance that
    measured backgrounds add. All methods can be differentiated by the design, jitted and vmapped.

    Parameters
    ----------
    buckets
        What every bin expects.
    prior
        Information of priors, in units of the scales.
    value, scale
        Free parameters, shape (k,), in units of the scales, and these.
    times
        Observing times of the datasets where they are known [s], else ones.
    offsets, spline
        Known offsets [deg], and the cubic polynomials of the weight of each between two of them.
    design
        The design of the data that the plan was made of.
    names
        Names of the free parameters.
    """

    buckets: tuple[_Bucket, ...]
    prior: Array
    value: Array
    scale: Array
    times: Array
    offsets: Array
    spline: Array
    design: Design
    names: tuple[str, ...] = eqx.field(static=True)

    def position(self, name: str) -> int:
        """Return the position of a free parameter, by its name or the end of it.

        Raises
        ------
        KeyError
            If there is no such parameter, or several.
        """
        found = [i for i, full in enumerate(self.names) if full == name or full.endswith("." + name)]
        if len(found) != 1:
            raise KeyError(f"{name!r}: expected one of the free parameters {', '.join(self.names)}")
        return found[0]

    def _weights(self, offset: Array) -> Array:
        """Return the weights of the known offsets, shape (datasets, offsets)."""
        place = jnp.clip(jnp.searchsorted(self.offsets, offset, side="right") - 1, 0, self.spline.shape[1] - 1)
        step = offset - self.offsets[place]
        powers = step[:, None] ** jnp.arange(3, -1, -1)
        return jnp.einsum("dp,pdr->dr", powers, self.spline[:, place], precision="highest")

    def x_information(self, design: Design, shift: tuple[Any, Array] | None = None) -> Array:
        """Return the information in units of the scales.

        Parameters
        ----------
        design
            How one observes.
        shift
            A parameter and another value of it, in units of its scale; None for the values of the plan.
        """
        total = self.prior
        for bucket in self.buckets:
            weight, slopes = self._bins(bucket, design, shift)[1:]
            total = total + jnp.einsum("db,dkb,dlb->kl", weight, slopes, slopes, precision="highest")
        return total

    def _bins(self, bucket: _Bucket, design: Design, shift: tuple[Any, Array] | None) -> tuple[Array, Array, Array]:
        """Return the mean of all bins, their weight in the information, and their slopes; see `x_information`."""
        here = bucket.datasets
        at = self._weights(design.offset)[here]
        bins = bucket.bins
        signal, other, noise = (jnp.einsum("dr,rdb->db", at, v) for v in (bins.signal, bins.other, bins.noise))
        s_slopes, o_slopes = (jnp.einsum("dr,rdkb->dkb", at, v) for v in (bins.signal_slopes, bins.other_slopes))
        time, area = design.livetime[here][:, None], design.area[here][:, None]
        if not bucket.is_counts:
            # more photons make the errors of fluxes smaller
            return signal, time * area / jnp.where(noise > 0, noise, 1.0) * (noise > 0), s_slopes
        slopes = area[:, :, None] * s_slopes + o_slopes
        mean = area * signal + other + noise
        if shift is not None:
            mean = mean + (shift[1] - self.value[shift[0]]) * slopes[:, shift[0]]
        mean = jnp.where(mean > LEAST, mean, LEAST)
        log_threshold = jnp.log(design.threshold[here])[:, None]
        part = jnp.clip((bucket.log_high - log_threshold) / (bucket.log_high - bucket.log_low), 0.0, 1.0)
        weight = jnp.take_along_axis(part, bucket.energy_bin, axis=1) * time
        return mean, jnp.where(bins.mask[0], weight / mean, 0.0), slopes

    def lattice(self, design: Design, shift: tuple[Any, Array], step: Array, information: Array) -> Array:
        """Return how far the counts along a step are whole numbers; see `gjax.likelihood.lattice`.

        Parameters
        ----------
        design, shift
            As in `x_information`.
        step
            Step of all parameters.
        information
            That of the step, in units of the scales.
        """
        counts, weights = [], []
        for bucket in self.buckets:
            if bucket.is_counts:
                mean, weight, slopes = self._bins(bucket, design, shift)
                # counts have their mean as variance: the part of a bin that is used is weight * mean of it
                counts.append(weight * mean**2)
                weights.append(jnp.einsum("k,dkb->db", step, slopes, precision="highest") / mean)
        return lattice(counts, weights, information) if counts else jnp.zeros_like(information)

    def information(self, design: Design) -> Array:
        """Return the information matrix in the units of the parameters, priors included.

        Parameters
        ----------
        design
            How one observes.
        """
        return compiled_information(self, design)

    def error(self, name: str, design: Design) -> Array:
        """Return the expected error of a parameter in its unit, all others profiled out.

        Parameters
        ----------
        name
            A free parameter.
        design
            How one observes.
        """
        return compiled_error(self, self.position(name), design)

    def limit(self, name: str, design: Design, *, n_sigma: float = 1.6448536269514722) -> Array:
        """Return the expected upper limit on a norm without signal.

        This is `Forecast.upper_limit` as a function of the design; other parameters of the source should be frozen.

        Parameters
        ----------
        name
            A free parameter that the counts of a source are proportional to.
        design
            How one observes.
        n_sigma
            One-sided normal quantile Z; the default is that of 95 %.
        """
        return compiled_limit(self, self.position(name), design, n_sigma)

    def optimise(self, name: str, **options: Any) -> OptimalDesign:
        """Return where and how long to point for the smallest error or limit; see `gjax.forecast.optimise`."""
        from gjax.forecast._optimise import optimise

        return optimise(self, name, **options)


@jax.jit
def compiled_information(plan: Plan, design: Design) -> Array:
    """Return the information in the units of the parameters; see `Plan.information`."""
    return plan.x_information(design) / (plan.scale[:, None] * plan.scale)


def _covariances(plan: Plan, i: Any, design: Design, value: Array | None = None) -> Array:
    """Return the covariances of a parameter with all, all others profiled out, in units of the scales."""
    matrix = plan.x_information(design, None if value is None else (i, value))
    diagonal = jnp.diagonal(matrix)
    known = diagonal > 0
    width = jnp.sqrt(jnp.where(known, diagonal, 1.0))
    whitened = jnp.where(jnp.outer(known, known), matrix / jnp.outer(width, width), jnp.eye(len(width)))
    target = jnp.where(jnp.arange(len(width)) == i, 1.0, 0.0)
    covariances = jnp.linalg.solve(whitened, target) / width / width[i]
    return jnp.where(known[i], covariances, jnp.inf)


@jax.jit
def compiled_error(plan: Plan, i: Any, design: Design) -> Array:
    """Return the expected error of the parameter at a position; see `Plan.error`."""
    return jnp.sqrt(_covariances(plan, i, design)[i]) * plan.scale[i]


@jax.jit
def compiled_limit(plan: Plan, i: Any, design: Design, n_sigma: Any) -> Array:
    """Return the expected limit on the parameter at a position; see `Plan.limit`."""
    none = 1e-9 * jnp.maximum(jnp.abs(plan.value[i]), 1.0)
    before = _covariances(plan, i, design, none)[i]

    def following(theta: Array, design: Design, before: Array) -> Array:
        covariances = _covariances(plan, i, design, theta)
        variance = covariances[i]
        q = (variance - before) / (theta * jnp.sqrt(variance))
        whole = plan.lattice(design, (i, theta), covariances / variance, 1 / variance)
        return limit_quantile(before / variance, q, whole, n_sigma, jnp) * jnp.sqrt(variance)

    fixed = jax.lax.stop_gradient((design, before))
    start = n_sigma * jnp.sqrt(fixed[1])

    def body(_: Any, state: tuple[Array, Array]) -> tuple[Array, Array]:
        return jax.jvp(lambda theta: following(theta, *fixed), (state[0],), (jnp.ones_like(start),))

    # each step about halves the distance
    theta, slope = jax.lax.stop_gradient(jax.lax.fori_loop(0, 60, body, (start, jnp.zeros_like(start))))
    # one Newton step, whose derivative by the design is that of the solution
    return (theta + (following(theta, design, before) - theta) / (1 - slope)) * plan.scale[i]


def _edges(dataset: Any) -> np.ndarray | None:
    counts = getattr(dataset, "counts", None)
    return None if counts is None else np.log(counts.geom.axes["energy"].edges.to_value("TeV"))


def _energies(forecast: Forecast, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Return the logarithms of the ends of the energy bins, the energy bin of every bin, and whether they hold counts.

    Shapes are (datasets, energy), (datasets, bins).
    """
    frozen, bucket = forecast.likelihood.frozen, forecast.likelihood.problem.buckets[number]
    members, n_bins = frozen.members[number], bucket.mask.shape[1]
    edges = [_edges(forecast.likelihood.datasets[i]) for i in members]
    if edges[0] is None:
        shape = len(members), n_bins
        return np.zeros(shape), np.ones(shape), np.zeros(shape, np.int32), False
    size = max(len(e) for e in edges if e is not None) - 1
    # padding lies above any threshold
    low, high = np.full((len(members), size), 30.0), np.full((len(members), size), 31.0)
    for row, e in enumerate(edges):
        assert e is not None
        low[row, : len(e) - 1], high[row, : len(e) - 1] = e[:-1], e[1:]
    if hasattr(bucket, "energy_bin"):
        where = np.asarray(bucket.energy_bin)
        where = np.concatenate([where, np.zeros((len(members), n_bins - where.shape[1]), np.int32)], axis=1)
    else:
        where = np.broadcast_to(np.minimum(np.arange(n_bins), size - 1), (len(members), n_bins))
    return low, high, where.astype(np.int32), True


def _times(datasets: Sequence[Any]) -> np.ndarray:
    spans = [getattr(dataset, "gti", None) for dataset in datasets]
    if any(span is None for span in spans):
        return np.ones(len(datasets))
    times = np.array([span.time_sum.to_value("s") for span in spans if span is not None])
    return times if (times > 0).all() else np.ones(len(datasets))


def bins_of(*forecasts: Forecast) -> tuple[_Bucket, ...]:
    """Return what every bin expects in forecasts of the same observations, per bucket; leading axis over forecasts."""
    first = forecasts[0]
    n = len(first.free_names)
    parts = [jax.device_get(_bins(f.likelihood.problem, f.likelihood.start, f.off)) for f in forecasts]
    buckets = []
    for number, members in enumerate(first.likelihood.frozen.members):
        fields: Any = [np.stack([part[number][k] for part in parts]) for k in range(6)]
        stacked = ExpectedBins(*fields)
        stacked = stacked._replace(
            signal_slopes=stacked.signal_slopes[:, :, :n], other_slopes=stacked.other_slopes[:, :, :n]
        )
        low, high, where, is_counts = _energies(first, number)
        arrays: Any = {"datasets": np.array(members), "log_low": low, "log_high": high, "energy_bin": where}
        buckets.append(_Bucket(bins=stacked, is_counts=is_counts, **arrays))
    return tuple(buckets)


def make_plan(offsets: Sequence[float], forecasts: Sequence[Forecast]) -> Plan:
    """Return the plan of forecasts of the same observations at several offsets.

    Parameters
    ----------
    offsets
        Increasing [deg].
    forecasts
        One per offset.
    """
    from scipy.interpolate import CubicSpline

    first = forecasts[0]
    likelihood = first.likelihood
    n = len(first.free_names)
    spline: Any = np.ones((4, 1, 1)) * np.array([0.0, 0.0, 0.0, 1.0])[:, None, None]
    if len(offsets) > 1:
        spline = CubicSpline(np.asarray(offsets, float), np.eye(len(offsets))).c
    ones = np.ones(len(likelihood.datasets))
    design: Any = Design(ones, ones, 1e-9 * ones, float(offsets[0]) * ones)  # type: ignore[arg-type]
    x: Any = np.asarray(likelihood.start)[:n]
    plan: Any = Plan(
        buckets=bins_of(*forecasts),
        prior=first.x_prior,  # type: ignore[arg-type]
        value=x,
        scale=likelihood.scale,  # type: ignore[arg-type]
        times=_times(likelihood.datasets),  # type: ignore[arg-type]
        offsets=np.asarray(offsets, float),  # type: ignore[arg-type]
        spline=spline,
        design=design,
        names=tuple(first.free_names),
    )
    made: Plan = jax.device_put(plan)
    return made


def plan_offsets(offsets: Any, likelihoods: Sequence[Any]) -> Plan:
    """Return the plan of observations whose pointing offset may vary between known ones.

    Expected counts and their derivatives are interpolated by cubic splines between the offsets.

    Parameters
    ----------
    offsets
        At least two increasing angles between pointing and target (Quantity, or numbers in deg).
    likelihoods
        The likelihood of the same observations (same energies and pixels, same models) at each offset.

    Raises
    ------
    ValueError
        If the offsets do not increase, their number is not that of the likelihoods, or these do not match.
    """
    from gjax.forecast._forecast import forecast
    from gjax.units import to_canonical

    values = np.atleast_1d(np.asarray(to_canonical(offsets, "deg", "offsets"), dtype=float))
    if len(values) != len(likelihoods) or len(values) < 2 or not np.all(np.diff(values) > 0):
        raise ValueError(
            f"offsets: expected at least two increasing angles, one per likelihood ({len(likelihoods)}), got {values}"
        )
    forecasts = [forecast(likelihood) for likelihood in likelihoods]
    first = forecasts[0]
    for offset, other in zip(values, forecasts):
        same = [a.mask.shape for a in first.likelihood.problem.buckets] == [
            b.mask.shape for b in other.likelihood.problem.buckets
        ]
        if other.free_names != first.free_names or other.likelihood.names != first.likelihood.names or not same:
            raise ValueError(f"the likelihood at {offset:g} deg has other datasets, bins or parameters than the first")
        values_there = other.likelihood.table.values
        if not np.allclose(values_there, first.likelihood.table.values, rtol=1e-9, atol=0):
            raise ValueError(f"the likelihood at {offset:g} deg has other parameter values than the first")
    return make_plan(values.tolist(), forecasts)
