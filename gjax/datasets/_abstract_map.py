"""What map datasets with known background and with off counts have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

import astropy.units as u

from gjax.datasets import _map_fields as fields_of
from gjax.datasets import _spectrum_tools as tools
from gjax.maps import MapAxis

__all__ = ["AbstractMapDataset"]


class AbstractMapDataset:
    """Maps of counts and exposure with responses; the classes are `MapDataset` and `MapDatasetOnOff`."""

    counts: Any
    exposure: Any
    background: Any
    psf: Any
    edisp: Any
    mask_safe: Any
    mask_fit: Any
    gti: Any
    name: str | None
    meta_table: Any
    meta: Mapping[str, Any]

    tag: ClassVar[str]
    stat_type: ClassVar[str]

    # ---- files ----

    @classmethod
    def read(cls, path: str | PathLike[str], name: str | None = None, format: str = "gadf") -> Self:
        """Read a FITS file with the HDUs COUNTS, EXPOSURE, BACKGROUND, PSF, EDISP, MASK_SAFE, MASK_FIT, GTI.

        Parameters
        ----------
        path
            File, also gzip.
        name
            Name of the dataset; by default the one in the file.
        format
            "gadf".

        Raises
        ------
        MissingDataError
            If the file, or every map in it, is missing.
        DataFormatError
            If the contents do not fit together; the message names file and HDU.
        """
        from gjax.datasets.map_dataset_io import read_map_dataset

        return read_map_dataset(cls, path, name=name, format=format)

    def write(self, path: str | PathLike[str], overwrite: bool = False) -> Path:
        """Write the dataset to a FITS file that `read` and Gammapy understand.

        Parameters
        ----------
        path
            File; with the suffix ".gz" it is compressed.
        overwrite
            Replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        """
        from gjax.datasets.map_dataset_io import write_map_dataset

        return write_map_dataset(self, path, overwrite=overwrite)

    # ---- what is derived from the fields ----

    @property
    def geoms(self) -> dict[str, Any]:
        """Geometries ``geom, geom_exposure, geom_psf, geom_edisp`` of the parts that are there."""
        from gjax.datasets._map_empty import geoms

        return geoms(self)

    @property
    def energy_axis(self) -> MapAxis:
        """Axis of reconstructed energy."""
        return fields_of.reference_map(self).geom.axes["energy"]

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of the counts."""
        return fields_of.reference_map(self).geom.data_shape

    @property
    def mask(self) -> Any:
        """Bins that are safe and to be fitted (bool map); None for all."""
        given = [mask for mask in (self.mask_safe, self.mask_fit) if mask is not None]
        return given[0] & given[1] if len(given) == 2 else next(iter(given), None)

    @property
    def mask_safe_image(self) -> Any:
        """Pixels that are safe at any energy (bool map); None for all."""
        if self.mask_safe is None:
            return None
        geom = self.mask_safe.geom.squash("energy")
        return self.mask_safe.copy(geom=geom, data=fields_of.any_energy(self.mask_safe).reshape(geom.data_shape))

    @property
    def livetime(self) -> u.Quantity | None:
        """Live time, from the entry "livetime" of the exposure or of ``meta``; None where it is not known."""
        from gjax.datasets._abstract_spectrum import livetime

        return livetime(self)

    @property
    def excess(self) -> Any:
        """Counts minus background."""
        if self.counts is None or self.background is None:
            raise ValueError(f"dataset {self.name!r}: excess needs counts and background")
        return self.counts.copy(data=self.counts.data - self.background.data)

    @property
    def energy_range(self) -> tuple[u.Quantity, u.Quantity]:
        """Lowest and highest energy of the bins in `mask`, over all pixels."""
        return tools.energy_range(self.energy_axis, self.mask)

    @property
    def energy_range_safe(self) -> tuple[u.Quantity, u.Quantity]:
        """Lowest and highest energy of the safe bins, over all pixels."""
        return tools.energy_range(self.energy_axis, self.mask_safe)

    def energy_mask(self, energy_min: Any = None, energy_max: Any = None) -> Any:
        """Mask of the bins that lie completely between two energies, to be used as ``mask_fit``."""
        mask = tools.energy_mask(self.energy_axis, energy_min, energy_max)
        return fields_of.as_map_mask(mask[:, None, None], fields_of.reference_map(self), "mask", self.name)

    def residuals(self, npred: Any, method: str = "diff", **smoothing: Any) -> Any:
        """Counts against predicted counts, NaN outside of `mask`; see `gjax.datasets.map_residuals`."""
        from gjax.datasets._map_residuals import map_residuals

        return map_residuals(self.counts, npred, method, mask=self.mask, **smoothing)

    def peek(self, figure: Any = None) -> Any:
        """Draw counts, excess, exposure and counts per energy; see `gjax.plot.peek_map_dataset`."""
        from gjax.plot import peek_map_dataset

        return peek_map_dataset(self, figure=figure)

    # ---- pictures beside a prediction ----

    def plot_sky_maps(self, npred: Any = None, *, background: Any = None, **options: Any) -> Any:
        """Draw counts, excess, significance and, beside a prediction, model and residuals.

        Parameters
        ----------
        npred
            Predicted counts with background (map), or predicted counts by source; None for none.
        background
            Predicted background (map); that of the dataset if None.
        **options
            ``radius, smoothing, sources, regions, figure`` of `gjax.plot.plot_sky_maps`.
        """
        from gjax.plot import dataset_images, plot_sky_maps

        return plot_sky_maps(dataset_images(self, npred, background), **options)

    def plot_slices(self, npred: Any, *, background: Any = None, **options: Any) -> Any:
        """Draw counts, prediction and residual significance in slices of energy.

        Parameters
        ----------
        npred, background
            See `plot_sky_maps`.
        **options
            ``number, radius, smoothing, sources, figure`` of `gjax.plot.plot_slices`.
        """
        from gjax.plot import dataset_images, plot_slices

        return plot_slices(dataset_images(self, npred, background), **options)

    def plot_sources(self, npred: Any, *, background: Any = None, figure: Any = None) -> Any:
        """Draw the predicted counts of every source, and of the background; see `gjax.plot.plot_source_maps`.

        Parameters
        ----------
        npred, background
            See `plot_sky_maps`.
        figure
            Figure to draw on; a new one if None.
        """
        from gjax.plot import dataset_images, plot_source_maps

        return plot_source_maps(dataset_images(self, npred, background), figure=figure)

    def plot_residual_distribution(self, npred: Any, *, background: Any = None, **options: Any) -> Any:
        """Draw the distribution of residual significances with its Gaussian fit.

        Parameters
        ----------
        npred, background
            See `plot_sky_maps`.
        **options
            ``near, radius, ax`` of `gjax.plot.plot_residual_distribution`.
        """
        from gjax.plot import dataset_images, plot_residual_distribution

        return plot_residual_distribution(dataset_images(self, npred, background), **options)

    def plot_spectrum(self, npred: Any, *, background: Any = None, title: str = "", figure: Any = None) -> Any:
        """Draw counts and predicted parts per energy, summed over pixels; see `gjax.plot.plot_images_spectrum`.

        Parameters
        ----------
        npred, background
            See `plot_sky_maps`.
        title
            Text above.
        figure
            Figure to draw on; a new one if None.
        """
        from gjax.plot import dataset_images, plot_images_spectrum

        return plot_images_spectrum(dataset_images(self, npred, background), title=title, figure=figure)

    def check(self) -> list[dict[str, Any]]:
        """What may be wrong with the data, as records with ``level``, ``dataset``, ``field`` and ``msg``."""
        from gjax.datasets._map_checks import check_dataset

        return check_dataset(self)

    # ---- new datasets from this one ----

    def copy(self, name: str | None = None, **changes: Any) -> Self:
        """Return the dataset with some fields changed; the name is kept unless given."""
        kept = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        if unknown := set(changes) - set(kept):
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        new = object.__new__(type(self))
        for field, value in {**kept, "name": name or self.name, **changes}.items():
            object.__setattr__(new, field, value)
        new._settle(self)
        return new

    def _settle(self, source: Any = None) -> None:
        """Complete and check the fields; ``source`` is the dataset of which this is a copy with changes."""
        raise NotImplementedError

    def stack(self, other: Any, *, name: str | None = None) -> Self:
        """Return this dataset with another one (or several) added within their safe masks.

        The dataset itself is taken as it is: use `to_masked` first where it has unsafe bins.
        See `gjax.datasets.stack_map_datasets`.
        """
        from gjax.datasets.map_stacking import stack_map_datasets

        return stack_map_datasets(self, other if isinstance(other, Sequence) else [other], name=name)

    def to_masked(self, name: str | None = None) -> Self:
        """Return the dataset with everything outside the safe mask set to zero."""
        from gjax.datasets._map_empty import to_masked

        return to_masked(self, name)

    def cutout(self, position: Any, width: Any, mode: str = "trim", name: str | None = None) -> Self:
        """Return the part around a position.

        Parameters
        ----------
        position
            Centre (SkyCoord).
        width
            Width, or widths in longitude and latitude [deg].
        mode
            "trim" (what lies inside the map), "partial" or "strict".
        name
            Name of the result.
        """
        from gjax.datasets._map_transform import cutout

        return cutout(self, position, width, mode, name)

    def pad(self, pad_width: Any, name: str | None = None) -> Self:
        """Return the dataset with pixels added at all sides: unsafe, without counts, with the exposure of the edge.

        Parameters
        ----------
        pad_width
            Number of pixels, or numbers in longitude and latitude.
        name
            Name of the result.
        """
        from gjax.datasets._map_transform import pad

        return pad(self, pad_width, name)

    def downsample(self, factor: int, axis_name: str | None = None, name: str | None = None) -> Self:
        """Return the dataset in pixels (or, with ``axis_name="energy"``, energy bins) that are larger by a factor."""
        from gjax.datasets._map_transform import downsample

        return downsample(self, factor, axis_name, name)

    def slice_by_idx(self, slices: Mapping[str, slice], name: str | None = None) -> Self:
        """Return the bins of reconstructed energy selected by ``{"energy": slice}``."""
        from gjax.datasets._map_transform import slice_by_idx

        return slice_by_idx(self, slices, name)

    def slice_by_energy(self, energy_min: Any = None, energy_max: Any = None, name: str | None = None) -> Self:
        """Return the bins between two energies, which are rounded to the nearest bin edges."""
        from gjax.datasets._slicing import energy_slice

        return self.slice_by_idx({"energy": energy_slice(self.energy_axis, energy_min, energy_max)}, name)

    def resample_energy_axis(self, energy_axis: MapAxis, name: str | None = None) -> Self:
        """Return the dataset in coarser bins, whose edges are rounded to the nearest old edges."""
        from gjax.datasets._map_transform import resample_energy_axis

        return resample_energy_axis(self, energy_axis, name)

    def to_image(self, name: str | None = None) -> Self:
        """Return the dataset in a single energy bin."""
        return self.resample_energy_axis(self.energy_axis.squash(), name)

    def to_spectrum_dataset(
        self, on_region: Any, containment_correction: bool | str = False, name: str | None = None
    ) -> Any:
        """Spectrum of a region; see `gjax.datasets.map_to_spectrum`.

        Parameters
        ----------
        on_region
            Region on the sky.
        containment_correction
            Weight the exposure with the point spread function around the centre of the circle ("circle": with its
            containment in the circle, as Gammapy does).
        name
            Name of the result.
        """
        from gjax.datasets._map_to_spectrum import map_to_spectrum

        return map_to_spectrum(self, on_region, containment_correction, name)

    # ---- summary ----

    def info_dict(self, in_safe_data_range: bool = True) -> dict[str, Any]:
        """Summary of the dataset summed over all bins; see `gjax.datasets.Datasets.info_table`."""
        from gjax.datasets._info import info_dict

        return info_dict(self, in_safe_data_range)

    def __repr__(self) -> str:
        from gjax.datasets._map_checks import summary

        return summary(self)

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"
