"""Reduced responses: what the ``plot`` and ``peek`` methods of PSF and energy dispersion maps and kernels draw."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.plot.irf import plot_curves, plot_migration
from gjax.plot.irf_objects import _energies, _labels, _panels, plot_kernel, plot_kernel_bias
from gjax.plot.map_objects import plot_wcs_map
from gjax.plot.maps import colour_bar
from gjax.plot.style import IMAGE, axes_for, style

__all__ = [
    "peek_edisp_map",
    "peek_psf_kernel",
    "peek_psf_map",
    "plot_edisp_migration",
    "plot_psf_containment",
    "plot_psf_kernel",
    "plot_psf_profile",
]

ENERGY_WORDS = {"energy": "Reconstructed energy", "energy_true": "True energy"}


def _centers(axis: Any) -> np.ndarray:
    return axis.center.to_value("TeV")


def plot_psf_containment(psf: Any, *, fraction: Any = (0.68, 0.95), position: Any = None, ax: Any = None) -> Any:
    """Plot radii that contain fractions of the photons against energy.

    Parameters
    ----------
    psf
        `gjax.irf.PSFMap` or `gjax.irf.RecoPSFMap`.
    fraction
        Contained fraction, or several.
    position
        Position on the sky; by default the centre of the map.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If no radius can be given, because the function is zero or not known there.

    Examples
    --------
    >>> from gjax.irf import PSFMap
    >>> from gjax.maps import MapAxis
    >>> from gjax.plot import new_axes
    >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4, name="energy_true")
    >>> ax = plot_psf_containment(PSFMap.from_gauss(true, sigma="0.1 deg"), ax=new_axes())
    >>> ax.lines[0].get_ydata().round(3)
    array([0.151, 0.151, 0.151, 0.151])
    """
    axis = psf.axes[psf.energy_name]
    fractions = np.atleast_1d(np.asarray(fraction, dtype=float))
    radius = np.array([psf.containment_radius(f, axis.center, position=position).to_value("deg") for f in fractions])
    if not np.isfinite(radius).any():
        raise ValueError(f"the {type(psf).__name__} reaches none of the fractions {fractions.tolist()} at any energy")
    ax = plot_curves(
        _centers(axis),
        radius,
        [f"{100 * f:.3g} %" for f in fractions],
        ylabel="Containment radius [deg]",
        xlabel=f"{ENERGY_WORDS[axis.name]} [TeV]",
        log=False,
        ax=ax,
    )
    ax.set_ylim(0, 1.1 * float(np.nanmax(radius)))
    return ax


def plot_psf_profile(psf: Any, *, energy: Any = None, position: Any = None, ax: Any = None) -> Any:
    """Plot the density of a point spread function against the radius, at some energies.

    Parameters
    ----------
    psf
        `gjax.irf.PSFMap` or `gjax.irf.RecoPSFMap`.
    energy
        Energies: the bins that hold them are drawn; some by default.
    position
        Position on the sky; by default the centre of the map.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.irf import PSFMap
    >>> from gjax.maps import MapAxis
    >>> from gjax.plot import new_axes
    >>> true = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2, name="energy_true")
    >>> ax = plot_psf_profile(PSFMap.from_gauss(true, sigma="0.1 deg"), energy="30 TeV", ax=new_axes())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['31.6 TeV']
    """
    import matplotlib as mpl

    axis = psf.axes[psf.energy_name]
    if energy is None:
        wanted = _energies(_centers(axis)) if axis.nbin > 1 else _centers(axis)
    else:
        given = energy if isinstance(energy, list | tuple) else [energy]
        wanted = np.concatenate([np.atleast_1d(u.Quantity(e).to_value("TeV")) for e in given])
    bins = np.unique(axis.coord_to_idx(u.Quantity(wanted, "TeV"), clip=True))
    rad, density = psf.radial_profile(position)
    with style():
        ax = axes_for(ax)
        colors = mpl.colormaps["viridis"](np.linspace(0.0, 0.82, max(2, len(bins))))
        shown = density[bins]
        for number, color in zip(bins, colors):
            curve = np.where(density[number] > 0, density[number], np.nan)
            ax.plot(rad.value, curve, color=color, label=_labels([_centers(axis)[number]], "TeV")[0])
        top = float(shown.max(initial=0.0))
        if top > 0:
            ax.set_yscale("log")
            ax.set_ylim(1e-5 * top, 3 * top)
        seen = np.flatnonzero((shown > 1e-5 * top).any(axis=0))
        last = psf.axes["rad"].edges.to_value("deg")
        ax.set_xlim(0, float(last[-1] if len(seen) == 0 else last[seen[-1] + 1]))
        ax.set_xlabel("Radius [deg]")
        ax.set_ylabel("Density [$sr^{-1}$]")
        ax.legend(fontsize=9)
    return ax


def peek_psf_map(psf: Any, *, position: Any = None, figure: Any = None) -> Any:
    """Plot containment radii, profiles and, where there are pixels, the 68 % containment radius on the sky.

    Parameters
    ----------
    psf
        `gjax.irf.PSFMap` or `gjax.irf.RecoPSFMap`.
    position
        Position on the sky; by default the centre of the map.
    figure
        Figure to draw on; a new one if None.

    Examples
    --------
    >>> from gjax.irf import PSFMap
    >>> from gjax.maps import MapAxis
    >>> from gjax.plot import new_figure
    >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4, name="energy_true")
    >>> len(peek_psf_map(PSFMap.from_gauss(true, sigma="0.1 deg"), figure=new_figure(10, 4)).axes)
    2
    """
    pixels = hasattr(psf.geom, "npix") and not psf.has_single_spatial_bin and not psf.geom.is_hpx
    axis = psf.axes[psf.energy_name]
    with style():
        figure, (left, middle, *_) = _figure_of(figure, 2, psf.geom.wcs if pixels else None)
        plot_psf_containment(psf, position=position, ax=left)
        plot_psf_profile(psf, position=position, ax=middle)
        if pixels:
            energy = axis.center[axis.nbin // 2]
            image = psf.containment_radius_map(energy)
            title = f"at {energy.to_value('TeV'):.3g} TeV"
            plot_wcs_map(image, ax=figure.axes[2], label="68 % containment radius [deg]", title=title)
    return figure


def _figure_of(figure: Any, plain: int, wcs: Any) -> tuple[Any, list[Any]]:
    """Panels in a row, the last one on the sky if there is a projection."""
    if wcs is None:
        axes = list(_panels(plain, figure))
        return axes[0].figure, axes
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(5.0 * (plain + 1), 3.9), layout="constrained")
    axes = [figure.add_subplot(1, plain + 1, i + 1) for i in range(plain)]
    return figure, [*axes, figure.add_subplot(1, plain + 1, plain + 1, projection=wcs)]


def plot_edisp_migration(edisp: Any, *, position: Any = None, ax: Any = None) -> Any:
    """Plot the distribution of the migration at some true energies.

    Parameters
    ----------
    edisp
        `gjax.irf.EDispMap`.
    position
        Position on the sky; by default the centre of the map.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.irf import EDispMap
    >>> from gjax.maps import MapAxis
    >>> from gjax.plot import new_axes
    >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4, name="energy_true")
    >>> plot_edisp_migration(EDispMap.from_diagonal_response(true), ax=new_axes()).get_ylabel()
    'Probability density'
    """
    true, migra = edisp.axes["energy_true"], edisp.axes["migra"]
    energy = _centers(true)
    wanted = _energies(energy) if true.nbin > 1 else energy
    bins = np.unique(true.coord_to_idx(u.Quantity(wanted, "TeV"), clip=True))
    density = edisp.at_position(position)[bins]
    ax = plot_migration(migra.center.value, density, _labels(energy[bins], "TeV"), ax=ax)
    seen = np.flatnonzero((density > 1e-3 * density.max(initial=0.0)).any(axis=0))
    if seen.size:
        ax.set_xlim(migra.edges.value[seen[0]], migra.edges.value[seen[-1] + 1])
    return ax


def peek_edisp_map(edisp: Any, *, position: Any = None, energy_axis: Any = None, figure: Any = None) -> Any:
    """Plot migration (of an `gjax.irf.EDispMap`), bias and matrix at a position.

    Parameters
    ----------
    edisp
        `gjax.irf.EDispMap` or `gjax.irf.EDispKernelMap`.
    position
        Position on the sky; by default the centre of the map.
    energy_axis
        Reconstructed energies of the matrix; by default those of the map, or the true ones.
    figure
        Figure to draw on; a new one if None.

    Examples
    --------
    >>> from gjax.irf import EDispKernelMap
    >>> from gjax.maps import MapAxis
    >>> from gjax.plot import new_figure
    >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4, name="energy_true")
    >>> edisp = EDispKernelMap.from_diagonal_response(true.copy(name="energy"), true)
    >>> [ax.get_xlabel() for ax in peek_edisp_map(edisp, figure=new_figure(10, 4)).axes[:2]]
    ['True energy [TeV]', 'True energy [TeV]']
    """
    has_migra = "migra" in edisp.axes.names
    if has_migra:
        axis = edisp.axes["energy_true"].copy(name="energy") if energy_axis is None else energy_axis
        kernel = edisp.get_edisp_kernel(axis, position=position)
    else:
        kernel = edisp.get_edisp_kernel(position, energy_axis)
    with style():
        panels = list(_panels(2 + has_migra, figure))
        if has_migra:
            plot_edisp_migration(edisp, position=position, ax=panels[0])
        plot_kernel_bias(kernel, ax=panels[-2])
        plot_kernel(kernel, ax=panels[-1])
    return panels[0].figure


def plot_psf_kernel(kernel: Any, *, energy: Any = None, ax: Any = None) -> Any:
    """Draw one image of a `gjax.irf.PSFKernel`, in degrees from its middle.

    Parameters
    ----------
    kernel
        Kernel.
    energy
        Energy; the middle bin by default.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.irf import PSFKernel
    >>> from gjax.maps import WcsGeom
    >>> from gjax.plot import new_axes
    >>> plot_psf_kernel(PSFKernel.from_gauss(WcsGeom.create(npix=9, binsz=0.1), "0.1 deg"), ax=new_axes()).get_title()
    ''
    """
    from matplotlib.colors import PowerNorm

    axes = kernel.psf_kernel_map.geom.axes
    number = None
    if len(axes):
        axis = axes[0]
        number = (
            axis.nbin // 2 if energy is None else int(np.ravel(axis.coord_to_idx(u.Quantity(energy), clip=True))[0])
        )
    image = kernel.data if number is None else kernel.data[number]
    step_x, step_y = kernel.psf_kernel_map.geom.pixel_scales.value
    half_x, half_y = 0.5 * step_x * image.shape[1], 0.5 * step_y * image.shape[0]
    top = float(np.nanmax(image, initial=0.0))
    with style():
        ax = axes_for(ax, 6.0, 4.6)
        norm = PowerNorm(0.5, 0.0, top if top > 0 else 1.0)
        shown = ax.imshow(
            image,
            origin="lower",
            extent=(half_x, -half_x, -half_y, half_y),
            cmap=IMAGE,
            norm=norm,
            interpolation="nearest",
        )
        colour_bar(ax, shown, norm, "Fraction per pixel")
        ax.grid(False)
        ax.set_xlabel("Longitude offset [deg]")
        ax.set_ylabel("Latitude offset [deg]")
        if number is not None:
            ax.set_title(_labels([_centers(axis)[number]], "TeV")[0])
    return ax


def peek_psf_kernel(kernel: Any, *, figure: Any = None) -> Any:
    """Draw the kernel at its lowest, middle and highest energy, and the fraction within a radius.

    Parameters
    ----------
    kernel
        `gjax.irf.PSFKernel`.
    figure
        Figure to draw on; a new one if None.

    Examples
    --------
    >>> from gjax.irf import PSFKernel
    >>> from gjax.maps import WcsGeom
    >>> from gjax.plot import new_figure
    >>> kernel = PSFKernel.from_gauss(WcsGeom.create(npix=9, binsz=0.1), "0.1 deg")
    >>> len(peek_psf_kernel(kernel, figure=new_figure(10, 4)).axes)
    3
    """
    axes = kernel.psf_kernel_map.geom.axes
    bins = np.unique([0, axes[0].nbin // 2, axes[0].nbin - 1]) if len(axes) else [None]
    step_x, step_y = kernel.psf_kernel_map.geom.pixel_scales.value
    ny, nx = kernel.data.shape[-2:]
    radius = np.hypot(
        step_x * (np.arange(nx) - 0.5 * (nx - 1)), step_y * (np.arange(ny) - 0.5 * (ny - 1))[:, np.newaxis]
    )
    order = np.argsort(radius, axis=None)
    with style():
        panels = list(_panels(len(bins) + 1, figure, width=4.6))
        for number, ax in zip(bins, panels):
            image = kernel.data if number is None else kernel.data[number]
            energy = None if number is None else axes[0].center[number]
            plot_psf_kernel(kernel, energy=energy, ax=ax)
            label = "kernel" if number is None else ax.get_title()
            panels[-1].plot(radius.ravel()[order], np.cumsum(image.ravel()[order]), label=label, drawstyle="steps-post")
        panels[-1].set(xlabel="Radius [deg]", ylabel="Contained fraction", ylim=(0, 1.05), xlim=(0, None))
        panels[-1].legend(fontsize=9)
    return panels[0].figure
