"""Instrument response objects: what their ``plot`` and ``peek`` methods draw."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.plot.irf import (
    plot_background_image,
    plot_background_spectrum,
    plot_curves,
    plot_edisp_bias,
    plot_edisp_matrix,
    plot_energy_offset,
    plot_migration,
)
from gjax.plot.style import axes_for, style

__all__ = [
    "peek_background",
    "peek_effective_area",
    "peek_energy_dispersion",
    "peek_kernel",
    "peek_psf",
    "plot_containment_radius",
    "plot_effective_area",
    "plot_kernel",
    "plot_rad_max",
]


def _panels(number: int, figure: Any, width: float = 5.2, height: float = 3.9) -> Any:
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(width * number, height), layout="constrained")
    return np.atleast_1d(figure.subplots(1, number))


def _offsets(axis: Any, number: int = 4) -> np.ndarray:
    """Offsets [deg] to draw: centres of bins, evenly spread."""
    centers = axis.center.to_value("deg")
    return centers[np.unique(np.linspace(0, len(centers) - 1, min(number, len(centers))).round().astype(int))]


def _energies(energy: np.ndarray) -> np.ndarray:
    """Round energies [TeV] inside the range of the table."""
    decades = np.arange(np.floor(np.log10(energy[0])), np.ceil(np.log10(energy[-1])) + 1)
    choice = np.unique(np.concatenate([10**decades, 3 * 10**decades]))
    choice = choice[(choice > energy[0]) & (choice < energy[-1])]
    if len(choice) < 2:
        return np.geomspace(energy[0], energy[-1], 4)
    return choice[:: -(-len(choice) // 6)]


def _labels(values: Any, unit: str) -> list[str]:
    return [f"{value:.3g} {unit}" for value in values]


def plot_effective_area(aeff: Any, *, offset: Any = None, ax: Any = None) -> Any:
    """Plot an effective area against true energy.

    Parameters
    ----------
    aeff
        `gjax.irf.EffectiveAreaTable2D`.
    offset
        Offsets; some of the table if None.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_axes
    >>> from gjax.simulate import demo_array
    >>> plot_effective_area(demo_array()["aeff"], offset="0.5 deg", ax=new_axes()).get_ylabel()
    'Effective area [$m^2$]'
    """
    energy = aeff.axes["energy_true"].center
    angles = _offsets(aeff.axes["offset"]) if offset is None else np.atleast_1d(u.Quantity(offset).to_value("deg"))
    values = aeff.evaluate(energy_true=energy[None, :], offset=angles[:, None] * u.deg).to_value("m2")
    return plot_curves(energy.to_value("TeV"), values, _labels(angles, "deg"), ylabel="Effective area [$m^2$]", ax=ax)


def peek_effective_area(aeff: Any, *, figure: Any = None) -> Any:
    """Plot an effective area against energy, and against energy and offset.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> from gjax.simulate import demo_array
    >>> figure = peek_effective_area(demo_array()["aeff"], figure=new_figure(10, 4))
    """
    with style():
        left, right = _panels(2, figure)
        plot_effective_area(aeff, ax=left)
        axes = aeff.axes
        plot_energy_offset(
            axes["energy_true"].edges.to_value("TeV"),
            axes["offset"].edges.to_value("deg"),
            aeff.quantity.to_value("m2"),
            label="Effective area [$m^2$]",
            ax=right,
        )
    return left.figure


def peek_energy_dispersion(edisp: Any, *, offset: Any = None, figure: Any = None) -> Any:
    """Plot migration, bias and matrix of an energy dispersion at one offset.

    Parameters
    ----------
    edisp
        The energy dispersion.
    offset
        Angle from the pointing (the first of the table if None).
    figure
        Figure to draw on; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> from gjax.simulate import demo_array
    >>> figure = peek_energy_dispersion(demo_array()["edisp"], offset="0.5 deg", figure=new_figure(15, 4))
    """
    angle = u.Quantity(edisp.axes["offset"].center[0] if offset is None else offset)
    energy = edisp.axes["energy_true"].center.to_value("TeV")
    chosen = _energies(energy)
    migra = edisp.axes["migra"].center
    density = edisp.evaluate(energy_true=chosen[:, None] * u.TeV, migra=migra[None, :], offset=angle).value
    kernel = edisp.to_edisp_kernel(angle)
    with style():
        left, middle, right = _panels(3, figure)
        plot_migration(migra.value, density, _labels(chosen, "TeV"), ax=left)
        plot_kernel_bias(kernel, ax=middle)
        plot_kernel(kernel, ax=right)
        left.set_title(f"offset {angle.to_value('deg'):.2g} deg")
    return left.figure


def plot_kernel(kernel: Any, *, ax: Any = None) -> Any:
    """Plot a `gjax.irf.EDispKernel` as a matrix.

    Examples
    --------
    >>> from gjax.plot import new_axes
    >>> from gjax.simulate import demo_array
    >>> kernel = demo_array()["edisp"].to_edisp_kernel("0.5 deg")
    >>> plot_kernel(kernel, ax=new_axes()).get_xlabel()
    'True energy [TeV]'
    """
    true, reco = kernel.axes["energy_true"].edges.to_value("TeV"), kernel.axes["energy"].edges.to_value("TeV")
    return plot_edisp_matrix(true, reco, kernel.pdf_matrix, ax=ax)


def plot_kernel_bias(kernel: Any, *, ax: Any = None) -> Any:
    """Plot bias and resolution of a `gjax.irf.EDispKernel` against true energy.

    Examples
    --------
    >>> from gjax.plot import new_axes
    >>> from gjax.simulate import demo_array
    >>> kernel = demo_array()["edisp"].to_edisp_kernel("0.5 deg")
    >>> plot_kernel_bias(kernel, ax=new_axes()).get_xlabel()
    'True energy [TeV]'
    """
    energy = kernel.axes["energy_true"].center
    bias, resolution = (np.asarray(u.Quantity(f(energy)).value) for f in (kernel.get_bias, kernel.get_resolution))
    return plot_edisp_bias(energy.to_value("TeV"), bias, resolution, ax=ax)


def peek_kernel(kernel: Any, *, figure: Any = None) -> Any:
    """Plot bias and matrix of a `gjax.irf.EDispKernel`.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> from gjax.simulate import demo_array
    >>> kernel = demo_array()["edisp"].to_edisp_kernel("0.5 deg")
    >>> figure = peek_kernel(kernel, figure=new_figure(10, 4))
    """
    with style():
        left, right = _panels(2, figure)
        plot_kernel_bias(kernel, ax=left)
        plot_kernel(kernel, ax=right)
    return left.figure


def plot_containment_radius(psf: Any, *, fraction: float = 0.68, offset: Any = None, ax: Any = None) -> Any:
    """Plot the radius that contains a fraction of the photons against true energy.

    Parameters
    ----------
    psf
        Any point spread function of `gjax.irf`.
    fraction
        Contained fraction.
    offset
        Offsets; some of the table if None.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_axes
    >>> from gjax.simulate import demo_array
    >>> plot_containment_radius(demo_array()["psf"], fraction=0.8, ax=new_axes()).get_ylabel()
    '80 % containment radius [deg]'
    """
    energy = psf.axes["energy_true"].center
    angles = _offsets(psf.axes["offset"]) if offset is None else np.atleast_1d(u.Quantity(offset).to_value("deg"))
    radius = psf.containment_radius(fraction, energy_true=energy[None, :], offset=angles[:, None] * u.deg).to_value(
        "deg"
    )
    label = f"{100 * fraction:.0f} % containment radius [deg]"
    ax = plot_curves(energy.to_value("TeV"), radius, _labels(angles, "deg"), ylabel=label, log=False, ax=ax)
    ax.set_ylim(0, None)
    return ax


def peek_psf(psf: Any, *, offset: Any = None, figure: Any = None) -> Any:
    """Plot containment radius against energy, and the contained fraction against radius at some energies.

    Parameters
    ----------
    psf
        The point spread function.
    offset
        Angle from the pointing (the first of the table if None).
    figure
        Figure to draw on; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> from gjax.simulate import demo_array
    >>> figure = peek_psf(demo_array()["psf"], figure=new_figure(10, 4))
    """
    angle = u.Quantity(psf.axes["offset"].center[0] if offset is None else offset)
    energy = psf.axes["energy_true"].center.to_value("TeV")
    chosen = _energies(energy)
    rad = np.linspace(0.0, 0.5, 101) * u.deg
    fraction = psf.containment(rad[None, :], energy_true=chosen[:, None] * u.TeV, offset=angle)
    with style():
        left, right = _panels(2, figure)
        plot_containment_radius(psf, ax=left)
        for curve, label in zip(np.asarray(fraction), _labels(chosen, "TeV")):
            if curve[-1] > 0:
                right.plot(rad.value, curve, label=label)
        right.set(xlabel="Radius [deg]", ylabel="Contained fraction", xlim=(0, 0.5), ylim=(0, 1.02))
        right.set_title(f"offset {angle.to_value('deg'):.2g} deg")
        right.legend(fontsize=9)
    return left.figure


def peek_background(bkg: Any, *, figure: Any = None) -> Any:
    """Plot a background against energy, and over the field of view at one energy.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> from gjax.simulate import demo_array
    >>> figure = peek_background(demo_array()["bkg"], figure=new_figure(10, 4))
    """
    axis = bkg.axes["energy"]
    energy = axis.center
    radial = bkg.has_offset_axis
    unit = "s-1 TeV-1 sr-1"
    if radial:
        angles = _offsets(bkg.axes["offset"])
        rates = bkg.evaluate(energy=energy[None, :], offset=angles[:, None] * u.deg).to_value(unit)
    else:
        reach = bkg.axes["fov_lon"].edges[-1].to_value("deg")
        angles = np.linspace(0.0, 0.75 * reach, 4)
        fov = {"fov_lon": angles[:, None] * u.deg, "fov_lat": 0 * u.deg}
        rates = bkg.evaluate(energy=energy[None, :], **fov).to_value(unit)
    total = rates[0] * energy.to_value("TeV")
    middle = energy[int(np.argmax(np.nan_to_num(total)))]
    edges = np.linspace(-1, 1, 81) * (bkg.axes["offset"].edges[-1].to_value("deg") if radial else reach)
    center = 0.5 * (edges[1:] + edges[:-1])
    lon, lat = np.meshgrid(center, center, indexing="ij")
    place = {"offset": np.hypot(lon, lat) * u.deg} if radial else {"fov_lon": lon * u.deg, "fov_lat": lat * u.deg}
    image = bkg.evaluate(energy=middle, **place).to_value(unit)
    with style():
        left, right = _panels(2, figure)
        plot_background_spectrum(energy.to_value("TeV"), rates, _labels(angles, "deg"), ax=left)
        plot_background_image(edges, edges, image, title=f"{middle.to_value('TeV'):.2g} TeV", ax=right)
    return left.figure


def plot_rad_max(rad_max: Any, *, ax: Any = None) -> Any:
    """Plot the directional cut of point-like responses against reconstructed energy.

    Examples
    --------
    >>> from gjax.irf import RadMax2D
    >>> from gjax.maps import MapAxis
    >>> from gjax.plot import new_axes
    >>> energy = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=4)
    >>> cut = RadMax2D([energy, MapAxis([0, 1], unit="deg", name="offset")], 0.1, "deg")
    >>> plot_rad_max(cut, ax=new_axes()).get_ylabel()
    'Directional cut [deg]'
    """
    energy, angles = rad_max.axes["energy"], _offsets(rad_max.axes["offset"])
    radius = rad_max.evaluate(energy=energy.center[None, :], offset=angles[:, None] * u.deg).to_value("deg")
    with style():
        ax = axes_for(ax)
        plot_curves(
            energy.center.to_value("TeV"),
            radius,
            _labels(angles, "deg"),
            ylabel="Directional cut [deg]",
            xlabel="Reconstructed energy [TeV]",
            log=False,
            ax=ax,
        )
        ax.set_ylim(0, None)
    return ax
