"""Absorption of gamma rays by the extragalactic background light."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import ConfigError, MissingDataError
from gjax.models._integrate import bounded_exp
from gjax.models._spectral import AbstractSpectralModel, declared_parameters
from gjax.models._tables import node_and_fraction, safe_log
from gjax.models._xspec import read_xspec_table
from gjax.parameters import ParameterField, parameter
from gjax.paths import expand_path
from gjax.units import to_canonical

__all__ = ["EBL_DATA_BUILTIN", "EBLAbsorptionNormSpectralModel"]

#: The tables of the public data: name to file.
EBL_DATA_BUILTIN = {
    "franceschini": "$GAMMAPY_DATA/ebl/ebl_franceschini.fits.gz",
    "dominguez": "$GAMMAPY_DATA/ebl/ebl_dominguez11.fits.gz",
    "finke": "$GAMMAPY_DATA/ebl/frd_abs.fits.gz",
    "franceschini17": "$GAMMAPY_DATA/ebl/ebl_franceschini_2017.fits.gz",
    "saldana-lopez21": "$GAMMAPY_DATA/ebl/ebl_saldana-lopez_2021.fits.gz",
}

#: Transmissions in files are single precision: what is less counts as this much.
_TINY = float(np.finfo(np.float32).tiny)


class EBLAbsorptionNormSpectralModel(AbstractSpectralModel):
    r"""Transmission :math:`\exp(-\alpha\,\tau(E, z))` of the extragalactic background light, to multiply a source with.

    The optical depth τ is interpolated in a table: linearly in ln E, and along the redshift by cubics whose slope is
    continuous, so that the redshift can be fitted. At redshift zero τ is zero, and beyond the table, or below
    redshift zero, it goes on as a straight line. An optical depth of more than 87 counts as 87.

    Parameters
    ----------
    energy
        Energies of the table [TeV], increasing.
    param
        Redshifts of the table, increasing.
    data
        Transmission between 0 and 1, shape (redshifts, energies).
    redshift
        Redshift z; the default is 0.1, frozen.
    alpha_norm
        Factor α on the optical depth; the default is 1, frozen.
    filename
        File that model files refer to.

    Raises
    ------
    ValueError
        If the shapes do not go together, or energies or redshifts do not increase.

    References
    ----------
    Franceschini et al. 2008, A&A 487, 837 (arXiv 0805.1841); Dominguez et al. 2011, MNRAS 410, 2556 (arXiv
    1007.1459).

    Examples
    --------
    >>> import numpy as np
    >>> table = np.exp(-np.outer([0.1, 0.2], [0.0, 1.0, 10.0]))
    >>> ebl = EBLAbsorptionNormSpectralModel([0.1, 1, 10], [0.1, 0.2], table, redshift=0.1)
    >>> print(ebl("1 TeV").round(6))
    0.904837
    """

    tag: ClassVar[str] = "ebl-norm"
    unit: ClassVar[str] = ""
    redshift: ParameterField = parameter(0.1, frozen=True, scale=0.1)
    alpha_norm: ParameterField = parameter(1.0, frozen=True)
    energy: Any = None
    param: Any = None
    depth: Any = None
    filename: str | None = eqx.field(static=True, default=None)

    def __init__(
        self,
        energy: Any,
        param: Any,
        data: Any,
        redshift: ParameterField = 0.1,
        alpha_norm: ParameterField = 1.0,
        *,
        filename: Any = None,
    ) -> None:
        self.energy = np.atleast_1d(to_canonical(energy, "TeV", "EBLAbsorptionNormSpectralModel.energy"))
        nodes = np.atleast_1d(to_canonical(param, "", "EBLAbsorptionNormSpectralModel.param"))
        values = np.atleast_1d(to_canonical(data, "", "EBLAbsorptionNormSpectralModel.data"))
        if values.shape != (nodes.size, self.energy.size) or min(values.shape) < 2:
            raise ValueError(
                f"EBLAbsorptionNormSpectralModel: {nodes.size} redshifts and {self.energy.size} energies (at least two "
                f"of each) need a table of that shape, got {values.shape}"
            )
        for name, axis in (("energy", self.energy), ("param", nodes)):
            if not (np.diff(axis) > 0).all() or axis[0] < 0 or (name == "energy" and axis[0] == 0):
                raise ValueError(f"EBLAbsorptionNormSpectralModel.{name}: expected increasing numbers above zero")
        depth = np.maximum(-safe_log(values, _TINY), 0.0)
        if nodes[0] > 0:
            nodes, depth = np.append(0.0, nodes), np.vstack([np.zeros_like(depth[:1]), depth])
        self.param, self.depth = nodes, depth
        self.redshift, self.alpha_norm = redshift, alpha_norm
        self.filename = None if filename is None else os.fspath(filename)

    @classmethod
    def read(
        cls, filename: str | os.PathLike[str], redshift: ParameterField = 0.1, alpha_norm: ParameterField = 1.0
    ) -> EBLAbsorptionNormSpectralModel:
        """Read a table in the format of XSPEC.

        Parameters
        ----------
        filename
            FITS file; variables such as ``$GAMMAPY_DATA`` are expanded.
        redshift, alpha_norm
            As for the class.

        Raises
        ------
        MissingDataError, DataFormatError
            If the file does not exist or is no such table.
        """
        table = read_xspec_table(filename)
        return cls(table.energy, table.values, table.spectra, redshift, alpha_norm, filename=filename)

    @classmethod
    def read_builtin(
        cls, reference: str = "dominguez", redshift: ParameterField = 0.1, alpha_norm: ParameterField = 1.0
    ) -> EBLAbsorptionNormSpectralModel:
        """Read one of the tables of the public data.

        Parameters
        ----------
        reference
            "franceschini" (Franceschini et al. 2008, arXiv 0805.1841), "dominguez" (Dominguez et al. 2011, arXiv
            1007.1459), "finke" (Finke et al. 2010, arXiv 0905.1115), "franceschini17" (Franceschini and Rodighiero
            2017, arXiv 1705.10256) or "saldana-lopez21" (Saldana-Lopez et al. 2021, arXiv 2012.03035).
        redshift, alpha_norm
            As for the class.

        Raises
        ------
        ValueError
            If there is no such table.
        """
        if reference not in EBL_DATA_BUILTIN:
            raise ValueError(f"reference: expected one of {', '.join(EBL_DATA_BUILTIN)}, got {reference!r}")
        return cls.read(EBL_DATA_BUILTIN[reference], redshift, alpha_norm)

    def kinks(self) -> np.ndarray | Array:
        return self.energy

    def optical_depth(self, energy: Array) -> Array:
        """Return τ at energies [TeV]; the parameter fields hold arrays here."""
        j, along = node_and_fraction(jnp.log(jnp.asarray(self.energy, jnp.result_type(energy))), jnp.log(energy))
        dtype = jnp.result_type(energy)
        nodes, table = jnp.asarray(self.param, dtype), jnp.asarray(self.depth, dtype)
        last = nodes.shape[0] - 1
        i, t = node_and_fraction(nodes, self.redshift)
        # the four redshifts around, with the ends counted twice
        four = jnp.clip(i + jnp.arange(-1, 3), 0, last)
        depth = table[four][:, j] * (1 - along) + table[four][:, j + 1] * along
        before, low, high, after = jnp.maximum(depth, 0.0)  # below the energies of the table it ends at zero
        z = nodes[four]
        # slopes at both nodes of the interval, in units of its width; a straight line beyond the ends
        width, line = z[2] - z[1], high - low
        left = jnp.where(i > 0, (high - before) * width / (z[2] - z[0]), line)
        right = jnp.where(i < last - 1, (after - low) * width / (z[3] - z[1]), line)
        inside = jnp.where(t < 0, 0.0, jnp.where(t > 1, 1.0, t))
        cubic = low + inside * (left + inside * (3 * line - 2 * left - right + inside * (left + right - 2 * line)))
        return cubic + (t - inside) * jnp.where(t < 0, left, right)

    def evaluate(self, energy: Array) -> Array:
        return bounded_exp(-self.alpha_norm * self.optical_depth(energy))

    # ---- model files ----

    def file_fields(self) -> dict[str, Any]:
        if self.filename is not None:
            return {"filename": self.filename}
        return {
            "energy": {"data": self.energy.tolist(), "unit": "TeV"},
            "param": {"data": self.param.tolist(), "unit": ""},
            "values": {"data": np.exp(-self.depth).tolist(), "unit": ""},
        }

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("filename", "energy", "param", "values")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> EBLAbsorptionNormSpectralModel:
        found = rows.read(declared_parameters(cls))
        if "filename" not in fields:
            for key in ("energy", "param", "values"):
                if key not in fields:
                    raise ConfigError(f"{key}: not given, and no filename either")
            return cls(fields["energy"], fields["param"], fields["values"], **found)
        return cls.read(_locate(str(fields["filename"])), **found)


def _locate(filename: str) -> str:
    """Return the name of a file that exists, or of the table of that name in the public data."""
    if not expand_path(filename).is_file():
        for known in EBL_DATA_BUILTIN.values():
            if Path(known).name == Path(filename).name:
                return known
        raise MissingDataError(f"{expand_path(filename)}: no such file")
    return filename
