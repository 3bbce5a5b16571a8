"""Test statistic, flux and limits of a test source at every pixel."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import jax
import numpy as np

from gjax.datasets import MapDataset
from gjax.estimators._flags import INTERRUPTED, first_flag
from gjax.estimators._inputs import (
    MapInput,
    band_axis,
    band_slices,
    default_spectrum,
    estimate_exposure_reco_energy,
    map_inputs,
)
from gjax.estimators._options import angle, selected
from gjax.estimators._ts_cells import CELLS, Cells, cell_batches, default_batch
from gjax.estimators._ts_exact import ExactSources, exact_cells, exact_sources
from gjax.estimators._ts_inputs import BandInput, lowest_norms, occupied_bins, source_totals, window_sums
from gjax.estimators._ts_kernel import kernel_half_width, source_kernel
from gjax.estimators._ts_sensitivity import sensitivity_norms
from gjax.estimators._ts_solver import by_cell, evaluate, rise_of, solve_limits, solve_norms
from gjax.estimators.flux_maps import FluxMaps
from gjax.maps import MapAxis
from gjax.models import PointSpatialModel, SkyModel

__all__ = ["TSMapEstimator"]

log = logging.getLogger(__name__)

#: Positions that are folded at once.
POSITIONS = 64
OPTIONAL = ("errn-errp", "ul", "stat_scan", "sensitivity")


@dataclasses.dataclass(frozen=True)
class TSMapEstimator:
    r"""Fits the norm of a test source at every pixel, all pixels at once.

    The statistic of norm x at a position is :math:`2 [x K - \sum_i n_i \log(1 + x s_i / b_i)]` plus a constant, where
    K is the total of the source inside the mask and the sum runs over the bins with counts inside the kernel only.
    After Stewart 2009, A&A 495, 989 (doi:10.1051/0004-6361:200811311), appendix A. The kernel is that of the centre of
    the map; background and models are held.

    Parameters
    ----------
    kernel_model
        The test source; its position does not matter. A point source with a power law of index 2 if None.
    kernel_width
        Full width of the window (angle, or number in deg); None for 99.5 % of the counts. What falls outside counts
        neither in the data nor in the prediction, so that the flux is that of the whole source.
    n_sigma
        Significance of the errors.
    n_sigma_ul
        Significance of the upper limits.
    n_sigma_sensitivity
        Significance of the sensitivity.
    selection_optional
        What to add: "errn-errp", "ul", "stat_scan", "sensitivity" (and its logarithmic derivative by observing time),
        or "all".
    energy_edges
        Edges of the bands, moved to the nearest edges of the data; None for one band of all energies.
    sum_over_energy_groups
        Sum the energy bins of a band before fitting: faster, but it forgets in which bin a count is.
    norm_scan
        Norms at which the likelihood is scanned; by default 41 values from -5 to 20 errors around the best norm.
    batch_size
        Number of pairs of pixel and occupied bin that are in memory at once (8 bytes each); None for a quarter of the
        memory that is free.
    exact
        Fold the source anew at every position, with the responses there and without a window: the map is that of full
        fits, and takes some ten milliseconds per position (a second for shapes that are not symmetric).
    exact_threshold
        Only where the ``sqrt_ts`` of the kernel is at least so large; None for all positions.

    Raises
    ------
    ValueError
        If an option is unknown, or the width is not positive.

    Examples
    --------
    >>> estimator = TSMapEstimator(kernel_width="0.6 deg", energy_edges=[0.5, 50])
    >>> estimator.n_sigma_ul
    2.0
    """

    kernel_model: Any = None
    kernel_width: Any = None
    n_sigma: float = 1.0
    n_sigma_ul: float = 2.0
    n_sigma_sensitivity: float = 5.0
    selection_optional: Any = None
    energy_edges: Any = None
    sum_over_energy_groups: bool = False
    norm_scan: Any = None
    batch_size: int | None = None
    exact: bool = False
    exact_threshold: float | None = None

    def __post_init__(self) -> None:
        selected(self.selection_optional, OPTIONAL)
        if self.kernel_width is not None and not angle(self.kernel_width, "kernel_width") > 0:
            raise ValueError(f"kernel_width: expected a positive angle, got {self.kernel_width}")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size: expected a positive number, got {self.batch_size}")
        if self.exact_threshold is not None and not self.exact:
            raise ValueError("exact_threshold: has a meaning only with exact=True")

    @property
    def model(self) -> SkyModel:
        """The test source."""
        if self.kernel_model is not None:
            return self.kernel_model  # type: ignore[no-any-return]
        return SkyModel(default_spectrum(), PointSpatialModel(), name="ts-kernel")

    def run(self, data: Any, models: Any = None) -> FluxMaps:
        """Estimate the maps.

        Parameters
        ----------
        data
            One or several map datasets with known background on the same pixels, or a `~gjax.Likelihood` or the result
            of a fit of them; several are fitted with one norm.
        models
            Models whose counts are background here: all but the source that is looked for.

        Returns
        -------
        maps
            "ts", "norm", "norm_err", "npred", "npred_excess", "stat", "stat_null", "success", "flag" and what was
            selected. NaN outside of the mask and where no exposure or background is; ``norm_err`` is NaN where no count
            is in reach, ``norm_errn`` where a prediction would become negative first. The flag says which; see
            `FluxMaps.reasons`.

        Raises
        ------
        TypeError
            If a dataset has off counts.
        ValueError
            If pixels differ.
        """
        from tqdm import tqdm

        inputs = map_inputs(data, models)
        check_datasets(inputs)
        width = None if self.kernel_width is None else angle(self.kernel_width, "kernel_width")
        kernels = [self._kernel(given, width) for given in inputs]
        spectrum = self.model.spectral_model
        exposures = [
            np.asarray(estimate_exposure_reco_energy(given.dataset, spectrum, normalize=False).data) for given in inputs
        ]
        axis = band_axis(inputs[0].axis, self.energy_edges)
        slices = [band_slices(given.axis, axis) for given in inputs]
        found: list[dict[str, np.ndarray]] = []
        try:
            for number in tqdm(range(axis.nbin), desc="energy bands", disable=None if axis.nbin > 1 else True):
                bands = [
                    self._band(given, exposure, kernel, part[number])
                    for given, exposure, kernel, part in zip(inputs, exposures, kernels, slices)
                ]
                inside = np.any([given.mask[part[number]].any(axis=0) for given, part in zip(inputs, slices)], axis=0)
                found.append(self._estimate(bands, inside))
                if np.any(found[-1]["flag"] == INTERRUPTED):
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            if not found:
                raise
            is_part = bool(np.any(found[-1]["flag"] == INTERRUPTED))
            more = " and a part of the next" if is_part else ""
            log.warning(f"interrupted: {len(found) - is_part} of {axis.nbin} bands{more} are done")
        is_done = len(found) == axis.nbin and not np.any(found[-1]["flag"] == INTERRUPTED)
        if self.exact and is_done:
            found = self._refine(found, inputs, slices)
        found += [_nothing(found[0])] * (axis.nbin - len(found))
        geom = inputs[0].dataset.counts.geom.to_image().to_cube([axis])
        new = type(inputs[0].dataset.counts).from_geom
        maps = {
            name: new(geom, data=np.stack([one[name] for one in found])) for name in found[0] if name[-4:] != "scan"
        }
        maps |= self._scans(geom, found, new)
        meta = {key: getattr(self, key) for key in ("n_sigma", "n_sigma_ul", "n_sigma_sensitivity")}
        return FluxMaps(maps, self.model, inputs[0].dataset.gti, meta)

    def _kernel(self, given: MapInput, width: float | None) -> np.ndarray:
        exposure = given.dataset.exposure
        if exposure is not None and not np.any(np.asarray(exposure.data) > 0):
            log.warning(f"dataset {given.dataset.name!r}: the exposure is zero everywhere")
            return np.zeros((given.counts.shape[0], 3, 3))
        half = min(kernel_half_width(given.dataset, self.model, width), max(given.counts.shape[-2:]))
        return source_kernel(given.dataset, self.model, half)

    def _band(self, given: MapInput, exposure: np.ndarray, kernel: np.ndarray, part: slice) -> BandInput:
        counts, background, mask = given.counts[part], given.npred[part], given.mask[part]
        seen = np.where(mask, exposure[part], 0.0)
        if self.sum_over_energy_groups:
            return BandInput(
                counts.sum(axis=0, keepdims=True),
                background.sum(axis=0, keepdims=True),
                seen[np.newaxis],
                kernel[part][np.newaxis],
            )
        return BandInput(counts, background, seen[:, np.newaxis], kernel[part][:, np.newaxis])

    def _estimate(self, bands: list[BandInput], inside: np.ndarray) -> dict[str, np.ndarray]:
        chosen = selected(self.selection_optional, OPTIONAL)
        total = np.sum([source_totals(band) for band in bands], axis=0)
        covered = np.any([(band.exposure.sum(axis=(0, 1)) > 0) for band in bands], axis=0)
        background = np.any([band.background.sum(axis=0) > 0 for band in bands], axis=0)
        wanted = covered & background & (total > 0)
        cases = {"masked": ~inside, "unexposed": ~(covered & (total > 0)), "no_background": ~background}
        if not wanted.any():
            log.warning("no position is left in a band: there is no background or no exposure inside of the masks")
            return self._empty(wanted.shape, chosen) | {"flag": first_flag(wanted.shape, **cases)}
        bare = sum(int(np.sum((band.counts > 0) & ~(band.background > 0))) for band in bands)
        if bare:
            log.warning(f"{bare} bins have counts but no background: sources are found there in any case")
        solved, is_open = self._solve(bands, wanted, total, chosen)
        sums = [window_sums(band) for band in bands]
        expected, null = (np.sum(parts, axis=0) for parts in zip(*sums))
        solved["npred_excess"] = solved["norm"] * total
        solved["npred"] = expected + solved["npred_excess"]
        solved["stat_null"] = null
        solved["stat"] = null - solved["ts"]
        if "sensitivity" in chosen:
            limits = sensitivity_norms(bands, total, wanted, self.n_sigma_sensitivity)
            solved["norm_sensitivity"], solved["sensitivity_time_slope"] = limits
        masked = {
            name: values & wanted if values.dtype == bool else np.where(wanted, values, np.nan)
            for name, values in solved.items()
        }
        flag = missing_flags(masked, **cases)
        return masked | {"flag": np.where(wanted & is_open[:, np.newaxis], INTERRUPTED, flag).astype(flag.dtype)}

    def _empty(self, shape: tuple[int, int], chosen: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Return the results of a band without any position."""
        names = ["ts", "norm", "norm_err", "npred", "npred_excess", "stat", "stat_null"]
        more = {"errn-errp": ["norm_errn", "norm_errp"], "ul": ["norm_ul"]}
        more |= {"sensitivity": ["norm_sensitivity", "sensitivity_time_slope"]}
        names += [name for option in chosen for name in more.get(option, [])]
        out = {name: np.full(shape, np.nan) for name in names} | {"success": np.zeros(shape, bool)}
        if "stat_scan" in chosen:
            size = 31 if self.norm_scan is None else len(self.norm_scan)
            out |= {name: np.full((size, *shape), np.nan) for name in ("norm_scan", "stat_scan")}
        return out

    def _solve(
        self, bands: list[BandInput], wanted: np.ndarray, total: np.ndarray, chosen: tuple[str, ...]
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return the solutions of a band, and the rows that Ctrl-C left open."""
        from tqdm import tqdm

        found: dict[str, np.ndarray] = {}
        occupied = [occupied_bins(band) for band in bands]
        size = default_batch() if self.batch_size is None else self.batch_size
        is_open = np.ones(len(wanted), bool)
        # nothing to see of what takes less than a second
        bar = tqdm(total=len(wanted), desc="rows", delay=1, leave=False, disable=None)
        try:
            for cells in cell_batches(occupied, wanted, max(size // CELLS, 1)):
                here = wanted[cells.rows]

                def bound(root: np.ndarray, cells: Cells = cells, here: np.ndarray = here) -> np.ndarray:
                    return lowest_norms(bands, np.where(here, root.reshape(here.shape), np.inf), cells.rows).ravel()

                values = self._batch(cells, bound, here, total[cells.rows], chosen)
                for name, value in values.items():
                    found.setdefault(name, _blank(value, wanted.shape))[..., cells.rows, :] = value
                is_open[cells.rows] = False
                bar.update(len(here))
        except KeyboardInterrupt:
            if not found:
                raise
        finally:
            bar.close()
        return found, is_open

    def _refine(
        self, found: list[dict[str, np.ndarray]], inputs: list[MapInput], slices: list[list[slice]]
    ) -> list[dict[str, np.ndarray]]:
        """Return the results with those of sources that are folded at their positions; all of them, or until Ctrl-C."""
        from tqdm import tqdm

        least = -np.inf if self.exact_threshold is None else self.exact_threshold
        roots = [np.sign(one["norm"]) * np.sqrt(np.maximum(one["ts"], 0.0)) for one in found]
        y, x = np.nonzero(np.any([root >= least for root in roots], axis=0))
        found = [{name: values.copy() for name, values in one.items()} for one in found]
        for one in found:
            one["exact"] = np.zeros(one["norm"].shape)
        geom, chosen = inputs[0].dataset.counts.geom.to_image(), selected(self.selection_optional, OPTIONAL)
        starts = tqdm(range(0, len(y), POSITIONS), desc="positions", unit_scale=POSITIONS, disable=None)
        try:
            for start in starts:
                here = y[start : start + POSITIONS], x[start : start + POSITIONS]
                sky = geom.wcs.pixel_to_world(here[1], here[0]).icrs
                sources = exact_sources(self.model, inputs, slices, sky, is_summed=self.sum_over_energy_groups)
                for one, part in zip(found, sources):
                    self._put(one, part, here, chosen)
        except KeyboardInterrupt:
            log.warning(f"interrupted: {int(sum(found[0]['exact'].ravel()))} of {len(y)} positions are exact")
        return found

    def _put(
        self, one: dict[str, np.ndarray], part: ExactSources, here: tuple[np.ndarray, ...], chosen: tuple[str, ...]
    ) -> None:
        """Write the results of some positions into those of a band, in place."""
        wanted = part.total > 0
        cells = exact_cells(part, slice(0, len(here[0])), POSITIONS)
        values = self._batch(cells, lambda _: part.lowest, wanted, part.total, chosen)
        values["npred_excess"] = values["norm"] * part.total
        background = one["npred"][here] - one["npred_excess"][here]
        values["npred"], values["stat_null"] = background + values["npred_excess"], one["stat_null"][here]
        values["stat"] = values["stat_null"] - values["ts"]
        values["exact"] = np.ones(len(wanted))
        used = wanted & np.isfinite(one["norm"][here])
        place = tuple(index[used] for index in here)
        for name, value in values.items():
            one[name][(..., *place)] = value[..., used]
        one["flag"][place] = missing_flags({name: value[used] for name, value in values.items()})

    def _batch(
        self, cells: Cells, bound_of: Any, wanted: np.ndarray, total: np.ndarray, chosen: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        dtype = jax.dtypes.canonicalize_dtype(float)

        def padded(values: np.ndarray) -> np.ndarray:
            return np.append(values, np.zeros(cells.size - values.size)).astype(dtype)

        def cut(values: Any) -> np.ndarray:
            return np.asarray(values)[..., : total.size]

        arrays = (*by_cell(jax.device_put(cells.cells)), *jax.device_put((cells.position, padded(total.ravel()))))
        root, _, done = (cut(value) for value in solve_norms(*arrays))
        bound = bound_of(root)
        best = np.where(wanted.ravel(), np.maximum(root, bound), 0.0)
        norm, lowest = jax.device_put((padded(best), padded(bound)))
        ts, information = evaluate(*arrays, norm)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(cut(information) > 0, self.n_sigma / np.sqrt(cut(information)), np.nan)
        out = {"ts": cut(ts), "norm": best, "norm_err": error, "success": done}
        reach = {"norm_errn": -self.n_sigma, "norm_errp": self.n_sigma} if "errn-errp" in chosen else {}
        reach |= {"norm_ul": self.n_sigma_ul} if "ul" in chosen else {}
        for name, level in reach.items():
            distance = cut(solve_limits(*arrays, norm, information, lowest, jax.device_put(float(level))))
            out[name] = best + distance if name == "norm_ul" else distance
        if "stat_scan" in chosen:
            out["norm_scan"] = scan = self._scan(best, error / self.n_sigma, bound)
            values = np.pad(scan, ((0, 0), (0, cells.size - total.size))).astype(dtype)
            out["stat_scan"] = cut(rise_of(*arrays, jax.device_put(values)))
        return {name: values.reshape(*values.shape[:-1], *total.shape) for name, values in out.items()}

    def _scan(self, norm: np.ndarray, error: np.ndarray, bound: np.ndarray) -> np.ndarray:
        if self.norm_scan is not None:
            values = np.broadcast_to(
                np.asarray(self.norm_scan, dtype=float)[:, np.newaxis], (len(self.norm_scan), norm.size)
            )
        else:
            values = norm + np.linspace(-5.0, 10.0, 31)[:, np.newaxis] * np.nan_to_num(error)
        return np.maximum(values, bound)

    def _scans(self, geom: Any, found: list[dict[str, np.ndarray]], new: Any) -> dict[str, Any]:
        """Return the scans on an axis of their own, with differential fluxes, as Gammapy has them."""
        if "stat_scan" not in found[0]:
            return {}
        axis = MapAxis(np.arange(len(found[0]["stat_scan"])), name="dnde_bin", node_type="center")
        cube = geom.to_image().to_cube([geom.axes["energy"], axis])
        dnde = self.model.spectral_model(geom.axes["energy"].center).to_value("cm-2 s-1 TeV-1")
        scans = np.stack([one["norm_scan"] for one in found], axis=1) * np.asarray(dnde)[:, np.newaxis, np.newaxis]
        return {
            "stat_scan": new(cube, data=np.stack([one["stat_scan"] for one in found], axis=1)),
            "dnde_scan_values": new(cube, data=scans, unit="cm-2 s-1 TeV-1"),
        }


def _nothing(like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return results of a band that was not computed."""
    blank = {
        name: np.full_like(values, False if values.dtype == bool else np.nan)
        for name, values in like.items()
        if name != "flag"
    }
    return blank | {"flag": np.full_like(like["flag"], INTERRUPTED)}


def missing_flags(values: dict[str, np.ndarray], **cases: np.ndarray) -> np.ndarray:
    """Return flags of results that failed or are not finite; other cases come first."""
    missing = {"no_error": "norm_err", "no_errn": "norm_errn", "no_limit": "norm_ul"}
    cases |= {case: ~np.isfinite(values[name]) for case, name in missing.items() if name in values}
    return first_flag(values["success"].shape, failed=~values["success"], **cases)


def _blank(value: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.full((*value.shape[:-2], *shape), False if value.dtype == bool else np.nan, dtype=value.dtype)


def check_datasets(inputs: list[MapInput]) -> None:
    """Raise if datasets cannot be fitted together at every pixel."""
    first = inputs[0].dataset
    for given in inputs:
        if not isinstance(given.dataset, MapDataset):
            raise TypeError(f"dataset {given.dataset.name!r}: a TS map needs known background, not off counts")
        if given.counts.shape[-2:] != inputs[0].counts.shape[-2:] or not given.dataset.counts.geom.is_same_sky(
            first.counts.geom
        ):
            raise ValueError(f"datasets {first.name!r} and {given.dataset.name!r} have different pixels")
