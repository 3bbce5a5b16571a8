"""Spectra, flux points, events and datasets: what their ``plot`` and ``peek`` methods draw."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import astropy.units as u
import numpy as np

from gjax.plot.irf import plot_curves
from gjax.plot.irf_objects import plot_kernel
from gjax.plot.sed import SED_LABEL, plot_flux_points, plot_sed, plot_stat_scan
from gjax.plot.sky import plot_counts_map, plot_field_of_view
from gjax.plot.spectrum import plot_counts, plot_excess
from gjax.plot.style import COLORS, axes_for, energy_ticks, style

__all__ = [
    "peek_dataset",
    "peek_events",
    "plot_dataset_counts",
    "plot_dataset_excess",
    "plot_points",
    "plot_points_profiles",
    "plot_spectrum",
]


def plot_spectrum(
    model: Any,
    energy_bounds: Any,
    *,
    sed_type: str = "dnde",
    energy_power: int | None = None,
    n_points: int = 200,
    ax: Any = None,
    **options: Any,
) -> Any:
    """Plot a spectral model between two energies: as E² dN/dE unless something else is asked for.

    Parameters
    ----------
    model
        Callable spectrum: takes a Quantity, returns one like cm-2 s-1 TeV-1.
    energy_bounds
        Lowest and highest energy (Quantity, or strings).
    sed_type
        "dnde" or "e2dnde", or "flux" or "eflux" for integrals over ``n_points`` bins of equal ratio.
    energy_power
        Power of the energy that multiplies what ``sed_type`` says; the default is 2 for "dnde", else 0.
    n_points
        Number of energies.
    ax
        Axes; a new one if None.
    options
        Given to `plot_sed`.

    Examples
    --------
    >>> from gjax.plot import new_axes
    >>> def flux(energy):
    ...     return 1e-11 * u.Unit("cm-2 s-1 TeV-1") * energy.to_value("TeV") ** -2
    >>> plot_spectrum(flux, ["1 TeV", "10 TeV"], ax=new_axes()).get_xlabel()
    'Energy [TeV]'
    """
    edges, energy = _bins(energy_bounds, n_points, sed_type)
    power = _power(sed_type, energy_power)
    if sed_type in ("flux", "eflux"):
        method = model.integral if sed_type == "flux" else model.energy_flux
        values = u.Quantity(method(edges[:-1] * u.TeV, edges[1:] * u.TeV))
    else:
        values = u.Quantity(model(energy * u.TeV))
    label, values = _sed_label(sed_type, power, values)
    return plot_sed(energy, values * energy**power, **{"label": "", "ylabel": label, "ax": ax, **options})


def plot_spectrum_error(result: Any, source: str, energy_bounds: Any, **options: Any) -> Any:
    """Plot the spectrum of a source with the error band of a fit.

    Parameters
    ----------
    result
        A `gjax.freeze.FitResult`.
    source
        Name of the source.
    energy_bounds
        Lowest and highest energy (Quantity, or strings).
    options
        As in `plot_spectrum_band`.
    """
    methods = ("dnde", "flux", "energy_flux")
    errors = SimpleNamespace(**{name: functools.partial(getattr(result, name), source) for name in methods})
    return plot_spectrum_band(errors, energy_bounds, **{"label": source, **options})


def plot_spectrum_band(
    errors: Any,
    energy_bounds: Any,
    *,
    sed_type: str = "dnde",
    energy_power: int | None = None,
    n_points: int = 100,
    ax: Any = None,
    **options: Any,
) -> Any:
    """Plot a spectrum with its error band.

    Parameters
    ----------
    errors
        What has values with errors in ``dnde``, ``flux`` and ``energy_flux``: a `gjax.models.SpectrumErrors`.
    energy_bounds
        Lowest and highest energy (Quantity, or strings).
    sed_type, energy_power, n_points
        As in `plot_spectrum`.
    ax
        Axes; a new one if None.
    options
        Given to `plot_sed`.

    Examples
    --------
    >>> from gjax.models import PowerLawSpectralModel
    >>> from gjax.parameters import Parameter
    >>> from gjax.plot import new_axes
    >>> errors = PowerLawSpectralModel(index=Parameter(2.0, error=0.1)).errors()
    >>> plot_spectrum_band(errors, ["0.1 TeV", "10 TeV"], ax=new_axes()).get_xlabel()
    'Energy [TeV]'
    """
    edges, energy = _bins(energy_bounds, n_points, sed_type)
    power = _power(sed_type, energy_power)
    if sed_type in ("flux", "eflux"):
        method = errors.flux if sed_type == "flux" else errors.energy_flux
        value, error = method(edges[:-1] * u.TeV, edges[1:] * u.TeV)
    else:
        value, error = errors.dnde(energy * u.TeV)
    label, values = _sed_label(sed_type, power, value)
    _, widths = _sed_label(sed_type, power, error)
    settings = {"label": "", "ylabel": label, "ax": ax, **options}
    return plot_sed(energy, values * energy**power, widths * energy**power, **settings)


def _bins(energy_bounds: Any, n_points: int, sed_type: str) -> tuple[np.ndarray, np.ndarray]:
    """Return edges [TeV] of bins, and the energies of the points."""
    low, high = (u.Quantity(bound).to_value("TeV") for bound in energy_bounds)
    edges = np.geomspace(low, high, n_points + 1)
    is_integral = sed_type in ("flux", "eflux")
    return edges, np.sqrt(edges[1:] * edges[:-1]) if is_integral else np.geomspace(low, high, n_points)


def _power(sed_type: str, energy_power: int | None) -> int:
    powers = {"dnde": 2, "e2dnde": 2, "flux": 0, "eflux": 0}
    if sed_type not in powers:
        raise ValueError(f"sed_type: expected one of {', '.join(powers)}, got {sed_type!r}")
    return powers[sed_type] if energy_power is None else energy_power


def _sed_label(sed_type: str, power: int, values: Any) -> tuple[str, np.ndarray]:
    """Return the label of the axis, and the values in canonical units."""
    if values.unit.is_equivalent(""):
        return "Factor", values.to_value("")
    name, unit, of_energy = {
        "flux": (r"\mathrm{Flux}", "cm-2 s-1", power),
        "eflux": (r"\mathrm{Energy\ flux}", "TeV cm-2 s-1", power + 1),
    }.get(sed_type, ("dN/dE", "cm-2 s-1 TeV-1", power - 1))
    if name == "dN/dE" and power == 2:
        return SED_LABEL, values.to_value(unit)
    factor = {0: "", 1: "E"}.get(power, f"E^{power}")
    tev = {0: "", 1: r"TeV\,"}.get(of_energy, f"TeV^{{{of_energy}}}\\,")
    return rf"${factor}\,{name}$ [${tev}cm^{{-2}}\,s^{{-1}}$]", values.to_value(unit)


def plot_points(points: Any, *, ax: Any = None, **options: Any) -> Any:
    """Plot `gjax.datasets.FluxPoints` as E² dN/dE; upper limits as arrows.

    Parameters
    ----------
    points
        Flux points.
    ax
        Axes; a new one if None.
    options
        Given to `plot_flux_points`.

    Examples
    --------
    >>> from gjax.datasets import FluxPoints
    >>> from gjax.plot import new_axes
    >>> flux = [1e-11, 1e-12] * u.Unit("cm-2 s-1 TeV-1")
    >>> points = FluxPoints.from_arrays(e_ref=[1, 3] * u.TeV, dnde=flux, dnde_err=0.1 * flux)
    >>> plot_points(points, ax=new_axes()).get_xlabel()
    'Energy [TeV]'
    """
    unit = "TeV cm-2 s-1"
    e_ref = points.e_ref.to_value("TeV")
    e_min = e_ref if points.e_min is None else points.e_min.to_value("TeV")
    e_max = e_ref if points.e_max is None else points.e_max.to_value("TeV")

    def values(suffix: str) -> Any:
        quantity = points.quantity("e2dnde", suffix)
        return None if quantity is None else quantity.to_value(unit)

    symmetric, up, down = values("_err"), values("_errp"), values("_errn")
    upper = symmetric if up is None else up if symmetric is None else np.where(np.isfinite(up), up, symmetric)
    lower = symmetric if down is None else down if symmetric is None else np.where(np.isfinite(down), down, symmetric)
    limits = values("_ul")
    flux = values("")
    return plot_flux_points(
        e_ref,
        e_min,
        e_max,
        flux,
        np.zeros_like(e_ref) if upper is None else upper,
        errors_negative=lower,
        upper_limits=limits,
        is_ul=None if limits is None else np.asarray(points.is_ul) & np.isfinite(limits),
        ax=ax,
        **options,
    )


def plot_points_profiles(points: Any, *, ax: Any = None, **options: Any) -> Any:
    """Plot the likelihood of every point of a `gjax.datasets.FluxPoints` as colour against energy and E² dN/dE.

    Parameters
    ----------
    points
        Flux points with scans.
    ax
        Axes; a new one if None.
    options
        Given to `plot_stat_scan`.

    Raises
    ------
    ValueError
        If the points have no scans or no edges.
    """
    if "stat_scan" not in points.extra or "norm_scan" not in points.extra or not points.has_edges:
        raise ValueError("these flux points have no likelihood scans (stat_scan, norm_scan), or no edges")
    from gjax.datasets._point_profiles import point_profile

    low, high = points.e_min.to_value("TeV"), points.e_max.to_value("TeV")
    reference = points.reference_flux("e2dnde").to_value("TeV cm-2 s-1")
    reach = np.linspace(-4, 4, 161)
    nothing = np.full((2, len(reach)), np.nan)
    edges: list[float] = [low[0]]
    rows: list[np.ndarray] = []
    factors: list[float] = []
    for k in range(len(points)):
        profile = point_profile(points, k)
        norms = reach if profile is None else profile.norms_at(reach)
        scan = nothing if profile is None else np.stack([norms, profile(norms)])
        if low[k] > edges[-1] * (1 + 1e-6):  # a gap between bins
            edges, rows, factors = [*edges, low[k]], [*rows, nothing], [*factors, 1.0]
        edges, rows, factors = [*edges, high[k]], [*rows, scan], [*factors, reference[k]]
    norms, delta = np.stack(rows, axis=1)
    options = {"ax": ax, **options}
    return plot_stat_scan(edges, norms, delta, factors, **options)


def _flat(region_map: Any) -> Any:
    return None if region_map is None else np.asarray(region_map.data).reshape(-1)


def plot_dataset_counts(dataset: Any, *, ax: Any = None) -> Any:
    """Plot counts and background of a `gjax.datasets.SpectrumDataset` or `gjax.datasets.SpectrumDatasetOnOff`.

    Examples
    --------
    >>> from gjax.datasets import SpectrumDataset
    >>> from gjax.maps import MapAxis, RegionGeom
    >>> from gjax.plot import new_axes
    >>> geom = RegionGeom.create(None, axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)])
    >>> plot_dataset_counts(SpectrumDataset.create(geom), ax=new_axes()).get_ylabel()
    'Counts'
    """
    edges = dataset.energy_axis.edges
    return plot_counts(edges, _flat(dataset.counts), _flat(dataset.background), mask=_flat(dataset.mask), ax=ax)


def plot_dataset_excess(dataset: Any, *, npred: Any = None, ax: Any = None) -> Any:
    """Plot the excess of a spectrum dataset.

    Parameters
    ----------
    dataset
        Spectrum dataset with a background.
    npred
        Predicted excess counts per bin, from ``likelihood.npred()``.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.datasets import SpectrumDataset
    >>> from gjax.maps import MapAxis, RegionGeom
    >>> from gjax.plot import new_axes
    >>> geom = RegionGeom.create(None, axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)])
    >>> plot_dataset_excess(SpectrumDataset.create(geom), npred=[3, 2, 1], ax=new_axes()).get_ylabel()
    'Excess counts'
    """
    counts = _flat(dataset.counts)
    variance = np.asarray(counts, dtype=float)
    if hasattr(dataset, "counts_off"):
        variance = variance + _flat(dataset.alpha) ** 2 * _flat(dataset.counts_off)
    return plot_excess(
        dataset.energy_axis.edges,
        _flat(dataset.excess),
        np.sqrt(variance),
        npred=npred,
        mask=_flat(dataset.mask),
        ax=ax,
    )


def peek_dataset(dataset: Any, *, figure: Any = None) -> Any:
    """Plot counts, exposure and energy dispersion of a spectrum dataset.

    Examples
    --------
    >>> from gjax.datasets import SpectrumDataset
    >>> from gjax.maps import MapAxis, RegionGeom
    >>> from gjax.plot import new_figure
    >>> geom = RegionGeom.create(None, axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)])
    >>> figure = peek_dataset(SpectrumDataset.create(geom, name="empty"), figure=new_figure(15, 4))
    """
    with style():
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=(15.5, 4.0), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        plot_dataset_counts(dataset, ax=left)
        left.set_title(str(dataset.name))
        if dataset.exposure is None:
            middle.set_axis_off()
        else:
            axis = dataset.exposure.geom.axes["energy_true"]
            exposure = (_flat(dataset.exposure) * dataset.exposure.unit).to_value("m2 s")
            plot_curves(axis.center.to_value("TeV"), exposure, ["exposure"], ylabel=r"Exposure [$m^2\,s$]", ax=middle)
        if dataset.edisp is None:
            right.set_axis_off()
        else:
            plot_kernel(dataset.edisp, ax=right)
    return figure


def peek_events(events: Any, *, figure: Any = None) -> Any:
    """Plot energies, times, offsets and directions of a `gjax.data.EventList`.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from gjax.plot import new_figure
    >>> from gjax.simulate import demo_array, simulate_observation
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> events = simulate_observation(np.random.default_rng(0), [], crab, demo_array(), duration="60 s").events
    >>> figure = peek_events(events, figure=new_figure(10, 8))
    """
    with style():
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=(10.5, 7.6), layout="constrained")
        axes = figure.subplots(2, 2)
        energy = events.energy.to_value("TeV")
        positive = energy[energy > 0]
        if positive.size:
            low, high = positive.min(), max(positive.max(), positive.min() * 1.01)
            axes[0, 0].hist(positive, bins=np.geomspace(low, high, 50), color=COLORS["model"], alpha=0.8)
            energy_ticks(axes[0, 0], limits=(low, high))
        axes[0, 0].set(xlabel="Reconstructed energy [TeV]", ylabel="Events per bin", yscale="log")
        seconds = events.met.to_value("s") if len(events) else np.empty(0)
        axes[0, 1].hist(seconds - (seconds.min() if seconds.size else 0.0), bins=40, color=COLORS["model"], alpha=0.8)
        axes[0, 1].set(xlabel="Time since the first event [s]", ylabel="Events per bin")
        offset = events.offset.to_value("deg")
        reach = max(1.0, float(np.quantile(offset, 0.995))) if offset.size else 1.0
        axes[1, 0].hist(offset**2, bins=np.linspace(0, reach**2, 50), color=COLORS["model"], alpha=0.8)
        axes[1, 0].set(xlabel="Squared offset [$deg^2$]", ylabel="Events per bin")
        pointing = events.pointing_radec
        center = pointing if pointing.isscalar else pointing[0]
        frame = center.skyoffset_frame()
        place = events.radec.transform_to(frame)
        plot_field_of_view(place.lon.wrap_at(180 * u.deg).deg, place.lat.deg, reach=reach, ax=axes[1, 1])
    return figure


def plot_events_map(events: Any, *, ax: Any = None, **options: Any) -> Any:
    """Plot a `gjax.data.EventList` on the sky around its pointing.

    Parameters
    ----------
    events
        The events.
    ax
        Axes with a WCS to draw on; new ones if None.
    **options
        As for `plot_counts_map`.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from gjax.plot import new_axes
    >>> from gjax.simulate import demo_array, simulate_observation
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> events = simulate_observation(np.random.default_rng(0), [], crab, demo_array(), duration="60 s").events
    >>> from gjax.plot.sky import image_wcs
    >>> ax = new_axes(projection=image_wcs(crab, "4 deg", "0.05 deg")[0])
    >>> ax = plot_events_map(events, ax=ax, width="4 deg", binsz="0.05 deg")
    """
    pointing = events.pointing_radec
    center = pointing if pointing.isscalar else pointing[0]
    if ax is None:
        from gjax.plot.sky import image_wcs

        wcs, _ = image_wcs(center, options.get("width", "5 deg"), options.get("binsz", "0.04 deg"))
        ax = axes_for(None, 6.6, 5.6, projection=wcs)
    return plot_counts_map(events.radec, center, ax=ax, **options)
