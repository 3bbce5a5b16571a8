"""An axis of labels, such as the names of datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np

__all__ = ["LabelMapAxis"]


class LabelMapAxis:
    """An immutable axis whose bins are labels.

    Parameters
    ----------
    labels
        Unique labels, in order.
    name
        Name of the axis.

    Raises
    ------
    ValueError
        If there is no label, or one twice.

    Examples
    --------
    >>> axis = LabelMapAxis(["run-1", "run-2"], name="dataset")
    >>> axis.coord_to_idx(["run-2", "run-1"])
    array([1, 0])
    """

    node_type = "label"
    interp = "lin"

    def __init__(self, labels: Sequence[str], name: str = "") -> None:
        self._labels = np.array([str(label) for label in labels])
        if self._labels.size == 0 or len(set(self._labels.tolist())) < self._labels.size:
            raise ValueError(f"axis {name!r}: unique labels are expected, got {list(labels)}")
        self._labels.setflags(write=False)
        self._name = str(name)

    @property
    def name(self) -> str:
        """Name of the axis."""
        return self._name

    @property
    def unit(self) -> u.UnitBase:
        """Dimensionless."""
        return u.dimensionless_unscaled

    @property
    def nbin(self) -> int:
        """Number of labels."""
        return len(self._labels)

    @property
    def center(self) -> np.ndarray:
        """The labels."""
        return self._labels

    @property
    def edges(self) -> u.Quantity:
        """Bin coordinates of the edges (nbin + 1)."""
        return u.Quantity(np.arange(self.nbin + 1) - 0.5)

    @property
    def edges_min(self) -> u.Quantity:
        """Bin coordinates of the lower edges."""
        return self.edges[:-1]

    @property
    def edges_max(self) -> u.Quantity:
        """Bin coordinates of the upper edges."""
        return self.edges[1:]

    @property
    def bin_width(self) -> u.Quantity:
        """Ones."""
        return u.Quantity(np.ones(self.nbin))

    @property
    def is_energy_axis(self) -> bool:
        """False."""
        return False

    def coord_to_idx(self, coord: Any, clip: bool = False) -> np.ndarray:
        """Number of each label, -1 for labels that the axis does not have.

        Parameters
        ----------
        coord
            Labels.
        clip
            Ignored; labels have no neighbours.
        """
        given = np.atleast_1d(np.asarray(coord)).astype(str)
        equal = given[..., np.newaxis] == self._labels
        return np.where(equal.any(axis=-1), equal.argmax(axis=-1), -1)

    def coord_to_pix(self, coord: Any) -> np.ndarray:
        """Number of each label as float, NaN for labels that the axis does not have."""
        idx = self.coord_to_idx(coord)
        return np.where(idx >= 0, idx.astype(float), np.nan)

    def pix_to_coord(self, pix: Any) -> np.ndarray:
        """Labels of bin coordinates."""
        idx = np.rint(np.asarray(pix, dtype=float)).astype(int)
        if np.any((idx < 0) | (idx >= self.nbin)):
            raise ValueError(f"axis {self._name!r}: bin coordinates outside of {self.nbin} labels")
        return self._labels[idx]

    def copy(self, **changes: Any) -> LabelMapAxis:
        """Return the axis with ``labels`` or ``name`` changed."""
        return LabelMapAxis(**{"labels": self._labels, "name": self._name, **changes})

    def rename(self, new_name: str) -> LabelMapAxis:
        """Return the axis under another name."""
        return self.copy(name=new_name)

    def slice(self, idx: slice) -> LabelMapAxis:
        """Return the labels selected by a slice."""
        return self.copy(labels=self._labels[idx])

    def squash(self) -> LabelMapAxis:
        """Return one label made of the first and the last."""
        return self.copy(labels=[f"{self._labels[0]}...{self._labels[-1]}"])

    def concatenate(self, axis: LabelMapAxis) -> LabelMapAxis:
        """Return an axis with the labels of another one (of the same name) appended."""
        if self._name != axis.name:
            raise ValueError(f"axes of one name are expected, got {self._name!r} and {axis.name!r}")
        return self.copy(labels=[*self._labels, *axis.center])

    def upsample(self, factor: int) -> LabelMapAxis:
        """Not possible."""
        raise ValueError("labels cannot be split")

    def downsample(self, factor: int) -> LabelMapAxis:
        """Not possible."""
        raise ValueError("labels cannot be merged by number")

    def is_allclose(self, other: Any, **_: Any) -> bool:
        """Whether the other axis has the same name and labels."""
        return (
            isinstance(other, LabelMapAxis) and self._name == other.name and np.array_equal(self._labels, other.center)
        )

    def __eq__(self, other: object) -> bool:
        return self is other or self.is_allclose(other)

    def __hash__(self) -> int:
        return hash((self._name, tuple(self._labels.tolist())))

    def __repr__(self) -> str:
        return f"LabelMapAxis(name={self._name!r}, labels={self._labels.tolist()})"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"
