"""Predictions of cubes by the recipe of the reference, to tell its discretisation from a real difference.

Gammapy 2.1 puts a point source on the four pixels around it, with bilinear weights, and convolves with an image of the
PSF that is sampled at few points per pixel. gjax integrates the PSF over pixels at the exact position. Here the recipe
is written down once more, with one number to turn: ``fineness`` divides pixels before the recipe is followed, and the
recipe becomes the integral.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np
from scipy.signal import fftconvolve

from benchmarks.parity.cube_inputs import mask_of
from benchmarks.parity.quadrature import ChainOfPowerLaws, reference_points
from gjax.datasets import MapDataset
from gjax.irf import EDispKernel
from gjax.models import Models, SkyModel, applies_to

__all__ = ["RecipeFit", "ReferenceRecipe", "cash"]

#: Gaussians are evaluated at this many points per width, at most so many per pixel.
POINTS_PER_WIDTH, MOST_POINTS = 3, 200


def cash(counts: np.ndarray, npred: np.ndarray, mask: np.ndarray) -> float:
    """Return the Cash statistic as the reference sums it, without the terms of the counts alone."""
    n, mu = counts[mask], np.maximum(npred[mask], 1e-25)
    full = n > 0
    return float(2 * (mu.sum() - np.sum(n[full] * np.log(mu[full]))))


@dataclasses.dataclass(frozen=True)
class Responses:
    """What one dataset knows at the position of one source; looked up once, as the reference does.

    Parameters
    ----------
    kernel
        Image of a point source (energy, lat, lon) on divided pixels.
    edisp
        Shape (energy_true, energy).
    is_reco
        True if the PSF acts after the energy dispersion.
    """

    kernel: np.ndarray
    edisp: np.ndarray
    is_reco: bool


class ReferenceRecipe:
    """Predictions of cubes as Gammapy 2.1 makes them, for points, round Gaussians and disks, templates and constants.

    Parameters
    ----------
    datasets
        Map datasets.
    models
        Sources and backgrounds at the start: responses are looked up there.
    fineness
        Into how many parts per side pixels are divided; 1 is the reference.
    """

    def __init__(self, datasets: Any, models: Any, fineness: int = 1) -> None:
        self.datasets: list[Any] = [datasets] if isinstance(datasets, MapDataset) else list(datasets)
        self.models = models if isinstance(models, Models) else Models(models)
        self.fineness = int(fineness)
        self.responses = {
            (dataset.name, model.name): self._responses(dataset, model)
            for dataset in self.datasets
            for model in self.models.sources
            if applies_to(model, dataset.name)
        }
        self._solid_angle = {d.name: d.counts.geom.to_image().solid_angle().to_value("sr") for d in self.datasets}
        self._exposure = {d.name: d.exposure.quantity.to_value("cm2 s") for d in self.datasets}
        self._last: dict[tuple[str, str], tuple[Any, np.ndarray]] = {}

    def _responses(self, dataset: Any, model: SkyModel) -> Responses:
        spatial: Any = model.spatial_model
        position = getattr(spatial, "position", dataset.counts.geom.center_skydir)
        axis = dataset.psf.axes[dataset.psf.energy_name]
        image = dataset.counts.geom.to_image()
        if self.fineness > 1:
            image = image.upsample(self.fineness)
        # finer than the reference means without its cut at 99.9 % as well: no curve reaches 2
        containment = 0.999 if self.fineness == 1 else 2.0
        geom = image.to_cube([axis])
        kernel = np.asarray(dataset.psf.get_psf_kernel(geom, position, containment=containment).data)
        if self.fineness > 1:
            kernel = rounded(kernel, geom, dataset.psf.axes["rad"].edges.to_value("deg")[-1])
        true = dataset.exposure.geom.axes["energy_true"]
        if axis.name == "energy_true" and axis.nbin != true.nbin:
            kernel = self._at_energies(kernel, axis, true)
        edisp = dataset.edisp
        if not dict(model.apply_irf)["edisp"]:
            edisp = EDispKernel.from_diagonal_response(true, dataset.counts.geom.axes["energy"])
        if not hasattr(edisp, "pdf_matrix"):
            edisp = edisp.get_edisp_kernel(energy_axis=dataset.counts.geom.axes["energy"], position=position)
        return Responses(kernel, np.asarray(edisp.pdf_matrix), dataset.psf.energy_name == "energy")

    def _at_energies(self, kernel: np.ndarray, axis: Any, true: Any) -> np.ndarray:
        """Interpolate over energy; the reference fills as many planes as the PSF has, and leaves the others empty."""
        there, here = np.log(axis.center.to_value("TeV")), np.log(true.center.to_value("TeV"))
        place = np.interp(here, there, np.arange(axis.nbin))
        low = np.minimum(place.astype(int), axis.nbin - 2)
        t = (place - low)[:, np.newaxis, np.newaxis]
        out = (1 - t) * kernel[low] + t * kernel[low + 1]
        if self.fineness == 1:
            out[axis.nbin :] = 0.0
        return out

    # ---- one source in one dataset ----

    def _shape(self, geom: Any, spatial: Any, x0: int, y0: int, half: int) -> np.ndarray:
        """Photons per divided pixel around a pixel, for one photon [1, or 1/sr times the solid angle of a pixel]."""
        fine = self.fineness
        side = (2 * half + 1) * fine
        x, y = (float(v) for v in geom.wcs.world_to_pixel(spatial.position))
        if spatial.tag == "point":
            ticks = np.arange(side)
            column = np.maximum(1 - np.abs(ticks - ((x - x0 + half + 0.5) * fine - 0.5)), 0)
            row = np.maximum(1 - np.abs(ticks - ((y - y0 + half + 0.5) * fine - 0.5)), 0)
            return row[:, np.newaxis] * column
        pixel = float(u.Quantity(geom.pixel_scales).to_value("deg").max()) / fine
        is_gauss = spatial.tag == "gauss"
        sigma = float(spatial.sigma.value) if is_gauss else np.nan
        finest = sigma / POINTS_PER_WIDTH if is_gauss else spatial.r_0.value * (1 - spatial.edge_width.value) / 10
        parts = int(min(np.ceil(pixel / finest), MOST_POINTS))
        offset = (np.arange(side * parts) + 0.5) / (fine * parts) - 0.5 - half
        sky = geom.wcs.pixel_to_world(*np.meshgrid(x0 + offset, y0 + offset))
        if not is_gauss:
            sky = sky.transform_to(spatial.frame).spherical
            density = spatial(sky.lon, sky.lat).to_value("sr-1")
            return density.reshape(side, parts, side, parts).mean(axis=(1, 3)) / fine**2
        haversine = np.sin(sky.separation(spatial.position).rad / 2) ** 2
        a = 2 * np.sin(np.deg2rad(sigma) / 2) ** 2
        density = np.exp(-haversine / a) / (4 * np.pi * a * -np.expm1(-1 / a))
        return density.reshape(side, parts, side, parts).mean(axis=(1, 3)) / fine**2

    def _unit_signal(self, dataset: Any, model: SkyModel, flux: np.ndarray) -> np.ndarray:
        """Counts (energy, lat, lon) of a source with the given photons per true energy [cm-2 s-1]."""
        found, geom = self.responses[dataset.name, model.name], dataset.counts.geom
        spatial: Any = model.spatial_model
        fine, (ny, nx) = self.fineness, geom.data_shape[-2:]
        pixel = float(u.Quantity(geom.pixel_scales).to_value("deg").max())
        extent = float(spatial.extent()) / pixel
        half = int(np.ceil(found.kernel.shape[-1] / 2 / fine) + np.ceil(extent)) + 2
        x0, y0 = (round(float(v)) for v in geom.wcs.world_to_pixel(spatial.position))
        shape = self._shape(geom, spatial, x0, y0, half)
        inside = slice(max(y0 - half, 0), min(y0 + half + 1, ny)), slice(max(x0 - half, 0), min(x0 + half + 1, nx))
        local = (
            slice(inside[0].start - y0 + half, inside[0].stop - y0 + half),
            slice(inside[1].start - x0 + half, inside[1].stop - x0 + half),
        )
        if spatial.tag != "point":
            solid_angle = np.zeros((2 * half + 1, 2 * half + 1))
            solid_angle[local] = self._solid_angle[dataset.name][inside]
            shape = shape * np.kron(solid_angle, np.ones((fine, fine)))

        def blurred(images: np.ndarray) -> np.ndarray:
            full = convolved(images, found.kernel)
            return full.reshape(-1, 2 * half + 1, fine, 2 * half + 1, fine).sum(axis=(2, 4))

        exposure = self._exposure[dataset.name][(slice(None), *inside)] * flux[:, np.newaxis, np.newaxis]
        out = np.zeros(dataset.counts.data.shape)
        if found.is_reco:
            coarse = shape.reshape(2 * half + 1, fine, 2 * half + 1, fine).sum(axis=(1, 3))
            seen = np.einsum("tyx,tr->ryx", coarse[local] * exposure, found.edisp, optimize=True)
            images = np.zeros((seen.shape[0], *shape.shape))
            images[:, local[0].start * fine : local[0].stop * fine, local[1].start * fine : local[1].stop * fine] = (
                np.repeat(np.repeat(seen, fine, axis=1), fine, axis=2) / fine**2
                if spatial.tag != "point"
                else seen.sum(axis=(1, 2))[:, np.newaxis, np.newaxis]
                * shape[local[0].start * fine : local[0].stop * fine, local[1].start * fine : local[1].stop * fine]
            )
            out[(slice(None), *inside)] = blurred(images)[(slice(None), *local)]
            return out
        spread = blurred(np.broadcast_to(shape, (len(flux), *shape.shape)))[(slice(None), *local)]
        out[(slice(None), *inside)] = np.einsum("tyx,tr->ryx", spread * exposure, found.edisp, optimize=True)
        return out

    def _diffuse(self, dataset: Any, model: SkyModel, flux: np.ndarray) -> np.ndarray:
        """Counts (energy, lat, lon) of a template or a constant: its values at the centres of the pixels."""
        found, geom = self.responses[dataset.name, model.name], dataset.counts.geom
        spatial: Any = model.spatial_model
        sky = geom.to_image().get_coord().skycoord.transform_to(spatial.frame).spherical
        true = dataset.exposure.geom.axes["energy_true"].center
        energies = true if getattr(spatial, "is_energy_dependent", False) else [None]
        images = np.stack([spatial(sky.lon, sky.lat, energy).value for energy in energies])
        images = np.broadcast_to(images * self._solid_angle[dataset.name], (len(true), *images.shape[1:]))
        if dict(model.apply_irf)["psf"]:
            images = fftconvolve(images, found.kernel, mode="same", axes=(1, 2))
        exposure = self._exposure[dataset.name] * flux[:, np.newaxis, np.newaxis]
        return np.einsum("tyx,tr->ryx", images * exposure, found.edisp, optimize=True)

    # ---- all of them ----

    def _models(self, values: Mapping[str, float] | None) -> Models:
        return self.models.with_values(dict(values)) if values else self.models

    def signal(self, values: Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
        """Return the predicted signal per dataset at parameter values by name; others keep theirs."""
        models, out = self._models(values), {}
        for dataset in self.datasets:
            total = np.zeros(dataset.counts.data.shape)
            for model in models.sources:
                if (dataset.name, model.name) in self.responses:
                    total = total + self._signal(dataset, model)
            out[dataset.name] = total
        return out

    def _signal(self, dataset: Any, model: SkyModel) -> np.ndarray:
        key, state = (dataset.name, model.name), tuple(Models([model]).parameter_table.values)
        if key not in self._last or self._last[key][0] != state:
            edges = dataset.exposure.geom.axes["energy_true"].edges
            spectrum = model.spectral_model
            if spectrum.tag not in ("pl", "pl-norm"):
                spectrum = ChainOfPowerLaws(spectrum, reference_points([dataset]))
            # a template may be a flux already: then the spectral model is a factor
            unit = "cm-2 s-1" if model.spectral_model.unit else "TeV"
            flux = np.asarray(spectrum.integral(edges[:-1], edges[1:]).to_value(unit))
            make = self._unit_signal if np.isfinite(model.spatial_model.extent()) else self._diffuse
            self._last[key] = state, make(dataset, model, flux)
        return self._last[key][1]

    def background(self, values: Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
        """Return the background per dataset with its norm, taken at the centres of the energy bins."""
        models, out = self._models(values), {}
        for dataset in self.datasets:
            energy = dataset.counts.geom.axes["energy"].center.to_value("TeV")
            data = 0.0 if dataset.background is None else np.asarray(dataset.background.data)
            out[dataset.name] = np.broadcast_to(data, dataset.counts.data.shape)
            for model in models.backgrounds:
                if applies_to(model, dataset.name):
                    norm, tilt, reference = (
                        float(getattr(model.spectral_model, name).value) for name in ("norm", "tilt", "reference")
                    )
                    factor = norm * (energy / reference) ** -tilt
                    out[dataset.name] = out[dataset.name] * factor[:, np.newaxis, np.newaxis]
        return out

    def npred(self, values: Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
        """Return all predicted counts per dataset."""
        signal, background = self.signal(values), self.background(values)
        return {name: np.maximum(signal[name] + background[name], 0) for name in signal}

    def statistic(self, values: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the Cash statistic per dataset."""
        npred = self.npred(values)
        return {d.name: cash(d.counts.data, npred[d.name], mask_of(d)) for d in self.datasets}

    def fit(
        self, start: Mapping[str, float], errors: Mapping[str, float], *, steps: int = 4, mixed: bool = True
    ) -> RecipeFit:
        """Minimise by Fisher scoring with differences over a tenth of an error.

        Parameters
        ----------
        start, errors
            Values near the minimum and rough errors of the free parameters.
        steps
            Largest number of steps.
        mixed
            Take mixed second derivatives of the prediction into account in the errors.
        """
        names = list(start)
        scale = np.array([errors[name] for name in names])
        x = np.array([start[name] for name in names])
        masks = {d.name: mask_of(d) for d in self.datasets}
        counts = {d.name: np.asarray(d.counts.data, dtype=float) for d in self.datasets}

        def predict(point: np.ndarray) -> np.ndarray:
            npred = self.npred(dict(zip(names, point.tolist())))
            return np.concatenate([npred[name][mask] for name, mask in masks.items()])

        n = np.concatenate([counts[name][mask] for name, mask in masks.items()])
        fisher, bending = np.eye(len(x)), np.zeros(len(x))
        for _ in range(steps):
            mu = predict(x)
            slope = []
            for k in range(len(x)):
                shift = np.zeros(len(x))
                shift[k] = 0.1 * scale[k]
                above, below = predict(x + shift), predict(x - shift)
                slope.append((above - below) / 0.2)
                bending[k] = np.sum((1 - n / mu) * (above + below - 2 * mu)) / 0.01
            jacobian = np.array(slope)
            gradient = jacobian @ (1 - n / mu)
            fisher = (jacobian * (n / mu**2)) @ jacobian.T
            step = np.linalg.solve(fisher, gradient)
            x = x - step * scale
            if np.max(np.abs(step)) < 1e-3:
                break
        # second derivatives of a prediction matter for positions and where a source has few photons
        second, step_size = np.diag(bending), 0.1
        for k, other in itertools.combinations(range(len(x) if mixed else 0), 2):
            if names[k].split(".")[0] != names[other].split(".")[0]:
                continue
            crossed = np.zeros_like(n)
            for sign_k, sign_other in itertools.product((1, -1), repeat=2):
                shift = np.zeros(len(x))
                shift[k], shift[other] = sign_k * step_size * scale[k], sign_other * step_size * scale[other]
                crossed += sign_k * sign_other * predict(x + shift)
            second[k, other] = second[other, k] = np.sum((1 - n / mu) * crossed) / (4 * step_size**2)
        covariance = np.linalg.inv(fisher + second) * np.outer(scale, scale)
        values = dict(zip(names, x.tolist()))
        statistic = sum(self.statistic(values).values())
        return RecipeFit(values, dict(zip(names, np.sqrt(np.diag(covariance)).tolist())), statistic)


@dataclasses.dataclass(frozen=True)
class RecipeFit:
    """Best fit of the recipe: values, errors and statistic."""

    values: dict[str, float]
    errors: dict[str, float]
    statistic: float


def convolved(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return images (energy, lat, lon) convolved with a smaller kernel; a few pixels are added up directly."""
    used = np.argwhere(images.any(axis=0))
    reach, side = kernel.shape[-1] // 2, images.shape[-1]
    if len(used) > 9 or used.min() < reach or used.max() >= side - reach:
        return fftconvolve(images, kernel, mode="same", axes=(1, 2))
    out = np.zeros(images.shape)
    for y, x in used:
        there = out[:, y - reach : y + reach + 1, x - reach : x + reach + 1]
        there += images[:, y, x, np.newaxis, np.newaxis] * kernel
    return out


def rounded(kernel: np.ndarray, geom: Any, radius: float) -> np.ndarray:
    """Return a kernel without its corners: the reference continues the PSF there, beyond its last radius [deg]."""
    side = kernel.shape[-1]
    ticks = (np.arange(side) - side // 2) * float(u.Quantity(geom.pixel_scales).to_value("deg").max())
    inner = kernel * (np.hypot(ticks, ticks[:, np.newaxis]) <= radius)
    total = inner.sum(axis=(1, 2), keepdims=True)
    return np.divide(inner, total, out=np.zeros_like(inner), where=total > 0)
