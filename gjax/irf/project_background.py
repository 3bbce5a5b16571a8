"""Background counts on the pixels of a geometry, from the rate in the field of view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import astropy.units as u
import numpy as np

from gjax.irf.fov import equatorial_fov, horizon_rotation, rotate_fov, rotation_times
from gjax.irf.interpolation import LOG_FLOOR, scaled
from gjax.irf.irf_map import map_of
from gjax.irf.project import interpolation_matrix, pixel_offsets
from gjax.maps import MapAxis

__all__ = ["fill_gaps", "integrate_rate", "make_map_background_irf"]

# Pixels evaluated at once, so that intermediate arrays stay in the processor's cache.
CHUNK = 4096
# What evaluates a response at a range of pixels: logarithms of the rate (pixels inside, edges), and which are inside.
Sampler = Callable[[slice], tuple[np.ndarray, np.ndarray]]
# Interpolated rates below this are zero: the neighbourhood of a bin that holds zero.
LOG_ZERO = float(np.log(2 * LOG_FLOOR))


def fill_gaps(bkg: Any) -> Any:
    """Return a background in which gaps (0 or NaN) between energies are filled, the logarithm linear in bin number.

    Parameters
    ----------
    bkg
        `gjax.irf.Background2D` or `gjax.irf.Background3D`.

    Examples
    --------
    >>> from gjax.irf import Background2D
    >>> axes = [MapAxis([1, 2, 4, 8], name="energy", unit="TeV"), MapAxis([0, 1], name="offset", unit="deg")]
    >>> fill_gaps(Background2D(axes, [[1e-4], [0], [1e-6]], "s-1 MeV-1 sr-1")).data.ravel()
    array([1.e-04, 1.e-05, 1.e-06])
    """
    missing = ~np.isfinite(bkg.data) | (bkg.data == 0)
    if not missing.any() or missing.all():
        return bkg
    number = np.arange(missing.shape[0]).reshape((-1,) + (1,) * (missing.ndim - 1))
    last = missing.shape[0]
    below = np.maximum.accumulate(np.where(missing, -1, number), axis=0)
    above = np.minimum.accumulate(np.where(missing, last, number)[::-1], axis=0)[::-1]
    gap = missing & (below >= 0) & (above < last)
    data = bkg.data.copy()
    log = np.log(np.where(missing, 1.0, bkg.data))
    first, second = (np.take_along_axis(log, np.clip(index, 0, last - 1), axis=0)[gap] for index in (below, above))
    weight = ((number - below) / np.maximum(above - below, 1))[gap]
    data[gap] = np.exp((1 - weight) * first + weight * second)
    return bkg.copy(data=data)


def integrate_rate(log_rate: np.ndarray, edges: np.ndarray) -> np.ndarray:
    r"""Integrate a rate, given by its logarithm at energies, over the bins between them as power laws.

    .. math:: \\int_a^b f \\, dE = \\frac{f_b b - f_a a}{\\ln(f_b b / f_a a)} \\ln(b / a)

    Zero where an end is zero (minus infinity).

    Parameters
    ----------
    log_rate
        Logarithms of the rate at the edges (edges, n).
    edges
        Energies.

    Returns
    -------
    integral
        Array (edges - 1, n).

    Examples
    --------
    >>> integrate_rate(np.log(np.array([[1.0], [0.25]])), np.array([1.0, 2.0]))
    array([[0.5]])
    """
    log_edges = np.log(edges)[:, np.newaxis]
    log_power = log_rate + log_edges  # ln(f E)
    power = np.exp(log_power)
    with np.errstate(invalid="ignore", divide="ignore"):
        growth = np.diff(log_power, axis=0)
        mean = np.diff(power, axis=0)
        mean /= growth
    flat = np.abs(growth) < 1e-6
    if flat.any():
        mean[flat] = 0.5 * (power[1:] + power[:-1])[flat]
    zero = power == 0
    if zero.any():
        mean[zero[1:] | zero[:-1]] = 0.0
    mean *= np.diff(log_edges, axis=0)
    return mean


def _log_table(bkg: Any, edges: np.ndarray) -> np.ndarray:
    """Logarithm of the rate at energies, with these as the last axis (other axes, edges)."""
    bkg.check_finite()
    log = np.log(np.maximum(bkg.data, LOG_FLOOR))
    table = np.tensordot(interpolation_matrix(bkg.axes["energy"], edges), log, axes=1)
    return np.ascontiguousarray(np.moveaxis(table, 0, -1))


def _bracket(axis: MapAxis, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    nodes, coords = scaled(axis.center.value, axis.interp), scaled(values, axis.interp)
    low = np.clip(np.searchsorted(nodes, coords, side="right") - 1, 0, axis.nbin - 2)
    return low, (coords - nodes[low]) / (nodes[low + 1] - nodes[low])


def _radial_sampler(bkg: Any, edges: np.ndarray, offset: np.ndarray, pad: bool) -> Sampler:
    """Rates at offsets [deg]."""
    axis = bkg.axes["offset"]
    table = _log_table(bkg, edges)
    center, limits = axis.center.to_value("deg"), axis.edges.to_value("deg")
    low, high = limits[0], limits[-1]
    if pad:
        # one more bin on each side, in which the rate is that at the outermost centre
        low, high = low - (limits[1] - limits[0]), high + (limits[-1] - limits[-2])

    def sample(part: slice) -> tuple[np.ndarray, np.ndarray]:
        inside = (offset[part] >= low) & (offset[part] < high)
        at = offset[part][inside]
        at = np.clip(at, center[0], center[-1]) if pad else at
        return interpolation_matrix(axis, (at * u.deg).to_value(axis.unit)) @ table, inside

    return sample


def _fov_sampler(bkg: Any, edges: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> Sampler:
    """Rates at field-of-view coordinates [deg]."""
    axes = bkg.axes["fov_lon"], bkg.axes["fov_lat"]
    if min(axis.nbin for axis in axes) < 2:
        raise ValueError("a background in field-of-view coordinates needs two bins or more along each of them")
    table = _log_table(bkg, edges)
    stride = axes[1].nbin
    rows = table.reshape(-1, len(edges))

    def sample(part: slice) -> tuple[np.ndarray, np.ndarray]:
        inside = np.isfinite(lon[part]) & np.isfinite(lat[part])
        values = []
        for axis, coord in zip(axes, (lon[part], lat[part]), strict=True):
            value = (np.where(inside, coord, 0.0) * u.deg).to_value(axis.unit)
            limits = axis.edges.value
            inside &= (value >= limits[0]) & (value < limits[-1])
            values.append(value)
        (i, wi), (j, wj) = (_bracket(axis, value[inside]) for axis, value in zip(axes, values, strict=True))
        first = i * stride + j
        result = rows.take(first, axis=0)
        result *= ((1 - wi) * (1 - wj))[:, np.newaxis]
        for step, weight in ((1, (1 - wi) * wj), (stride, wi * (1 - wj)), (stride + 1, wi * wj)):
            corner = rows.take(first + step, axis=0)
            corner *= weight[:, np.newaxis]
            result += corner
        return result, inside

    return sample


def _integrated(bkg: Any, edges: np.ndarray, number: int, samplers: list[tuple[float, Sampler]]) -> np.ndarray:
    """Weighted sum of integrals over energy (bins, pixels), in the unit of the response times that of its energy."""
    limits = bkg.axes["energy"].edges.value
    outside = ~((edges >= limits[0]) & (edges < limits[-1]))
    total = np.zeros((len(edges) - 1, number))
    for start in range(0, number, CHUNK):
        part = slice(start, min(start + CHUNK, number))
        for weight, sample in samplers:
            log_rate, inside = sample(part)
            log_rate = np.ascontiguousarray(log_rate.T)
            log_rate[log_rate <= LOG_ZERO] = -np.inf
            log_rate[outside] = -np.inf
            counts = integrate_rate(log_rate, edges)
            if weight != 1.0:
                counts = counts * weight
            if inside.all():
                total[:, part] += counts
            else:
                total[:, part][:, inside] += counts
    return total


def make_map_background_irf(
    pointing: Any,
    ontime: Any,
    bkg: Any,
    geom: Any,
    time_start: Any = None,
    fov_rotation_step: Any = "1 deg",
    oversampling: int | None = None,
    location: Any = None,
    *,
    pad_offset: bool = True,
) -> Any:
    """Counts expected in each pixel and energy bin.

    The rate at the pixel centre is integrated over energy as a power law between bin edges, and multiplied by solid
    angle and observation time (dead time is in the rate). A response aligned with the horizon is averaged over the
    turn of the sky.

    Parameters
    ----------
    pointing
        `gjax.data.FixedPointingInfo`, or a position in ICRS for responses aligned with the sky.
    ontime
        Observation time.
    bkg
        `gjax.irf.Background2D` or `gjax.irf.Background3D`.
    geom
        Geometry with an axis "energy".
    time_start
        Start of the observation; for responses aligned with the horizon.
    fov_rotation_step
        Largest turn of the field of view between two evaluations.
    oversampling
        Parts of each energy bin that are integrated one by one.
    location
        Place of the observatory; for responses aligned with the horizon.
    pad_offset
        Whether a radial response holds its outermost values up to one bin further out, instead of extrapolation up to
        the edge.

    Returns
    -------
    background
        Map of counts.

    Raises
    ------
    ValueError
        If time or place are missing for a response aligned with the horizon, or for a drift observation.
    DataFormatError
        If the response holds NaN or infinite values.
    """
    seconds = u.Quantity(ontime).to_value("s")
    axis = geom.axes["energy"]
    fine = axis if oversampling is None else axis.upsample(oversampling)
    edges = fine.edges.to_value(bkg.axes["energy"].unit)
    if bkg.has_offset_axis:
        offset = pixel_offsets(geom, _fixed(pointing)).ravel()
        samplers = [(1.0, _radial_sampler(bkg, edges, offset, pad_offset))]
    else:
        lon, lat = equatorial_fov(geom, _fixed(pointing))
        if bkg.fov_alignment == "ALTAZ":
            # longitudes of the response are reversed with respect to the sky: they run against azimuth
            samplers = []
            for weight, angle in _turns(pointing, ontime, time_start, fov_rotation_step, location):
                left, up = rotate_fov(lon, lat, angle)
                samplers.append((weight, _fov_sampler(bkg, edges, left, up)))
        else:
            sign = 1.0 if bkg.fov_alignment == "REVERSE_LON_RADEC" else -1.0
            samplers = [(1.0, _fov_sampler(bkg, edges, sign * lon, lat))]
    counts = _integrated(bkg, edges, int(np.prod(geom.data_shape[-2:])), samplers)
    factor = (bkg.unit * bkg.axes["energy"].unit).to("s-1 sr-1") * seconds
    solid_angle = np.asarray(geom.solid_angle().to_value("sr")).ravel()
    counts *= np.nan_to_num(solid_angle) * factor
    if oversampling is not None:
        counts = counts.reshape(axis.nbin, oversampling, -1).sum(axis=1)
    return map_of(geom, counts.reshape(geom.data_shape))


def _fixed(pointing: Any) -> Any:
    """Pointing position in ICRS."""
    if not hasattr(pointing, "fixed_icrs"):
        return pointing
    if pointing.fixed_icrs is None:
        raise ValueError("no background can be projected for observations in drift mode")
    return pointing.fixed_icrs


def _turns(pointing: Any, ontime: Any, start: Any, step: Any, location: Any) -> list[tuple[float, float]]:
    """Weights and angles [rad] of the turn of the sky over the horizon during an observation."""
    if not hasattr(pointing, "get_altaz") or start is None or location is None:
        raise ValueError(
            "a background aligned with the horizon (FOVALIGN = ALTAZ) needs a FixedPointingInfo, the start of the "
            "observation and the location of the observatory"
        )
    times = rotation_times(pointing, start, ontime, step, location)
    angles = horizon_rotation(pointing.fixed_icrs, times, location)
    seconds = (times - times[0]).to_value("s")
    weights = np.zeros(len(seconds))
    weights[1:] += 0.5 * np.diff(seconds)
    weights[:-1] += 0.5 * np.diff(seconds)
    return list(zip(weights / seconds[-1], angles, strict=True))
