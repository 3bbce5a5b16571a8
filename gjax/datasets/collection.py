"""A list of datasets with names."""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence
from os import PathLike
from pathlib import Path
from typing import Any, overload

import astropy.units as u
from astropy.table import QTable

from gjax.datasets._dataset_files import INDEX, find_datasets, write_index
from gjax.datasets._info import info_table
from gjax.datasets._stack_datasets import stack_datasets
from gjax.fits import expand_path

__all__ = ["Datasets"]

MANY = 20


class Datasets(MutableSequence[Any]):
    """Datasets in a fixed order, found by number or by name.

    The list can grow (``append``, ``extend``); the datasets in it do not change.

    Parameters
    ----------
    datasets
        Datasets (or one dataset), with different names.

    Raises
    ------
    ValueError
        If two datasets have the same name.
    TypeError
        If something is not a dataset.

    Examples
    --------
    >>> from gjax.maps import MapAxis, RegionGeom
    >>> from gjax.datasets import SpectrumDataset
    >>> geom = RegionGeom.create(None, axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)])
    >>> datasets = Datasets([SpectrumDataset.create(geom, name="a"), SpectrumDataset.create(geom, name="b")])
    >>> datasets.names, datasets["b"].name, len(datasets[:1])
    (['a', 'b'], 'b', 1)
    """

    def __init__(self, datasets: Any = ()) -> None:
        if hasattr(datasets, "tag"):
            datasets = [datasets]
        self._datasets: list[Any] = []
        for dataset in datasets or ():
            self.append(dataset)

    # ---- list ----

    @property
    def names(self) -> list[str]:
        """Names in order."""
        return [dataset.name for dataset in self._datasets]

    def _position(self, key: int | str) -> int:
        if not isinstance(key, str):
            return key
        if key not in self.names:
            raise KeyError(f"no dataset {key!r}; there are: {', '.join(self.names) or 'none'}")
        return self.names.index(key)

    @overload
    def __getitem__(self, index: int | str) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Datasets: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Datasets(self._datasets[index])
        return self._datasets[self._position(index)]

    def __len__(self) -> int:
        return len(self._datasets)

    def __contains__(self, key: object) -> bool:
        return key in self.names if isinstance(key, str) else any(dataset is key for dataset in self._datasets)

    def _check(self, dataset: Any, others: Iterable[Any]) -> None:
        if not hasattr(dataset, "tag") or not hasattr(dataset, "stat_type"):
            raise TypeError(f"expected a dataset, got a {type(dataset).__name__}")
        if any(dataset.name == other.name for other in others):
            raise ValueError(f"there is already a dataset {dataset.name!r}; names have to differ")

    def insert(self, index: int, value: Any) -> None:
        """Put a dataset at a place."""
        self._check(value, self._datasets)
        self._datasets.insert(index, value)

    def __setitem__(self, index: Any, value: Any) -> None:
        position = self._position(index)
        self._check(value, [d for i, d in enumerate(self._datasets) if i != position % len(self)])
        self._datasets[position] = value

    def __delitem__(self, index: Any) -> None:
        del self._datasets[index if isinstance(index, slice) else self._position(index)]

    def __add__(self, other: Iterable[Any]) -> Datasets:
        return Datasets([*self._datasets, *other])

    def copy(self) -> Datasets:
        """Return a new list of the same datasets."""
        return Datasets(self._datasets)

    # ---- all together ----

    @property
    def is_all_same_type(self) -> bool:
        """Whether all datasets are of one type."""
        return len({type(dataset) for dataset in self._datasets}) <= 1

    @property
    def energy_ranges(self) -> tuple[u.Quantity, u.Quantity]:
        """Lower and upper energies of the bins in the fit, one entry per dataset [TeV]."""
        pairs = [dataset.energy_range for dataset in self._datasets]
        return tuple(u.Quantity([pair[i].to("TeV") for pair in pairs]) for i in (0, 1))  # type: ignore[return-value]

    def stack_reduce(self, name: str | None = None, *, edisp_weights: str = "exposure") -> Any:
        """Sum all datasets into one; map datasets are summed on the geometry of the first.

        Parameters
        ----------
        name
            Name of the result.
        edisp_weights
            See `gjax.datasets.stack_datasets`, also for the rules and errors.
        """
        return stack_datasets(self._datasets, name=name, edisp_weights=edisp_weights)

    def slice_by_energy(self, energy_min: Any = None, energy_max: Any = None) -> Datasets:
        """Return the datasets between two energies, leaving out those that have no bin there."""
        kept = []
        for dataset in self._datasets:
            low, high = dataset.energy_axis.bounds
            below = energy_max is not None and u.Quantity(energy_max) <= low
            above = energy_min is not None and u.Quantity(energy_min) >= high
            if not below and not above:
                kept.append(dataset.slice_by_energy(energy_min, energy_max))
        return Datasets(kept)

    def info_table(self, cumulative: bool = False) -> QTable:
        """Table with one row of summary numbers per dataset.

        Parameters
        ----------
        cumulative
            The n-th row is the stack of the first n datasets.

        Returns
        -------
        table
            Columns ``name, counts, excess, sqrt_ts, background, npred, ..., livetime, ontime, counts_rate, ...,
            counts_off, acceptance, acceptance_off, alpha``; sums run over safe bins. Without a model, ``npred`` and
            ``stat_sum`` are those of no source.

        Raises
        ------
        ValueError
            If the datasets are of different types.
        """
        if not self.is_all_same_type:
            raise ValueError(f"one table needs datasets of one type, got {sorted({d.tag for d in self._datasets})}")
        if not cumulative:
            return info_table([dataset.info_dict() for dataset in self._datasets])
        from tqdm import tqdm

        rows, total = [], None
        for dataset in tqdm(self._datasets, desc="stacking", disable=None if len(self) > MANY else True):
            total = dataset.to_masked(name="stacked") if total is None else total.stack(dataset, name="stacked")
            rows.append(total.info_dict())
        return info_table(rows)

    # ---- files ----

    @classmethod
    def read(cls, path: Any) -> Datasets:
        """Read datasets from files of spectra, maps or flux points.

        Parameters
        ----------
        path
            A folder (with the index ``datasets.yaml`` that `write` leaves, otherwise every ``pha*.fits`` in it), the
            file of a spectrum (PHA) or of a map dataset, a pattern such as ``"spectra/*/pha_*.fits"``, an index file
            as Gammapy writes it, or a list of these.

        Raises
        ------
        MissingDataError
            If nothing is found.
        """
        from tqdm import tqdm

        from gjax.datasets.flux_points_dataset import FluxPointsDataset
        from gjax.datasets.map_dataset import MapDataset
        from gjax.datasets.map_dataset_on_off import MapDatasetOnOff
        from gjax.datasets.spectrum import SpectrumDataset
        from gjax.datasets.spectrum_on_off import SpectrumDatasetOnOff

        classes = (FluxPointsDataset, MapDataset, MapDatasetOnOff, SpectrumDataset, SpectrumDatasetOnOff)
        kinds: dict[str, Any] = {kind.tag: kind for kind in classes}
        found: list[tuple[str, str | None, Path]] = []
        for item in [path] if isinstance(path, str | PathLike) else path:
            found.extend(find_datasets(item))
        datasets = cls()
        for tag, name, file in tqdm(found, desc="reading", disable=None if len(found) > MANY else True):
            kind: Any = kinds[tag]
            datasets.append(kind.read(file, name=name))
        return datasets

    def write(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write datasets to a folder: ``pha_obs{name}.fits`` (OGIP), ``{name}.fits``, and ``datasets.yaml``.

        Parameters
        ----------
        path
            Folder; made if missing.
        overwrite
            Replace existing files.

        Returns
        -------
        index
            The index file, which `read` and Gammapy understand.
        """
        folder, entries = expand_path(path), []
        for dataset in self._datasets:
            file = f"pha_obs{dataset.name}.fits" if dataset.tag == "SpectrumDatasetOnOff" else f"{dataset.name}.fits"
            entries.append({"name": dataset.name, "type": dataset.tag, "filename": file})
        if (folder / INDEX).exists() and not overwrite:
            raise FileExistsError(f"{folder / INDEX} exists; pass overwrite=True to replace it")
        for dataset, entry in zip(self._datasets, entries):
            dataset.write(folder / entry["filename"], overwrite=overwrite)
        return write_index(folder / INDEX, entries, overwrite=overwrite)

    # ---- display ----

    def __repr__(self) -> str:
        lines = "\n".join(f"  {dataset!r}" for dataset in self._datasets)
        return f"Datasets({len(self)})" + (f"\n{lines}" if lines else "")

    def _repr_html_(self) -> str:
        if len(self) and self.is_all_same_type:
            return self.info_table()._repr_html_()
        return f"<pre>{self!r}</pre>"
