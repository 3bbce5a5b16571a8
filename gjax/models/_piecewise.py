"""A factor that is free at nodes in energy."""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import ConfigError
from gjax.models._spectral import AbstractSpectralModel
from gjax.models._tables import multilinear
from gjax.parameters import Affine, Expression, Parameter
from gjax.units import to_canonical

__all__ = ["PiecewiseNormSpectralModel"]

_KINDS = Parameter | Affine | Expression
_SCALES = ("log", "lin")


class PiecewiseNormSpectralModel(AbstractSpectralModel):
    r"""A dimensionless factor that is free at nodes in energy, with straight lines between them and flat outside.

    .. math:: \ln n(E) = \ln n_i + \ln\frac{n_{i+1}}{n_i} \, \frac{\ln(E/E_i)}{\ln(E_{i+1}/E_i)}

    Parameters
    ----------
    energy
        Energies of the nodes [TeV], increasing; at least two.
    norms
        Values there: one number for all, a number each, an array parameter over the axis "node", or a list of
        parameters, where nodes need bounds, priors or links of their own. The default is 1, free.
    interp
        "log" (the default: lines in ln n against ln E, so norms must stay positive) or "lin" (n against E).

    Raises
    ------
    ValueError
        If there are fewer than two nodes, they do not increase, or the numbers of nodes and norms differ.

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

    Examples
    --------
    >>> model = PiecewiseNormSpectralModel(energy=[1, 100], norms=[1, 4])
    >>> print(model("10 TeV").round(12), model("1 PeV").round(12))
    2.0 4.0
    """

    tag: ClassVar[str] = "piecewise-norm"
    unit: ClassVar[str] = ""
    norms: Any = None
    energy: Any = None
    interp: str = eqx.field(static=True, default="log")

    def __init__(self, energy: Any, norms: Any = 1.0, interp: str = "log") -> None:
        self.energy = np.atleast_1d(np.asarray(to_canonical(energy, "TeV", "PiecewiseNormSpectralModel.energy"), float))
        number = self.energy.size
        if self.energy.ndim != 1 or number < 2 or self.energy[0] <= 0 or not (np.diff(self.energy) > 0).all():
            raise ValueError("PiecewiseNormSpectralModel.energy: expected at least two increasing positive energies")
        if interp not in _SCALES:
            raise ValueError(f"PiecewiseNormSpectralModel.interp: expected 'log' or 'lin', got {interp!r}")
        self.interp = interp
        if isinstance(norms, list | tuple) and any(isinstance(norm, _KINDS) for norm in norms):
            self.norms = tuple(n if isinstance(n, _KINDS) else Parameter(n, "", name="norms") for n in norms)
            shape: tuple[int, ...] = (len(norms),)
        else:
            if not isinstance(norms, _KINDS):
                size = np.size(to_canonical(norms, "", "PiecewiseNormSpectralModel.norms"))
                if size not in (1, number):
                    raise ValueError(f"PiecewiseNormSpectralModel.norms: expected {number} values, got {size}")
                norms = Parameter(norms, "", axes={"node": [str(k) for k in range(number)]}, name="norms")
            self.norms = norms
            shape = np.shape(norms.value)
        if shape != (number,):
            raise ValueError(f"PiecewiseNormSpectralModel.norms: expected {number} values over the axis 'node'")

    def kinks(self) -> np.ndarray | Array:
        return self.energy

    def evaluate(self, energy: Array) -> Array:
        norms = jnp.stack(self.norms) if isinstance(self.norms, tuple) else self.norms
        nodes = jnp.asarray(self.energy, jnp.result_type(energy))
        inside = jnp.clip(energy, nodes[0], nodes[-1])
        if self.interp == "lin":
            return multilinear(norms, (nodes,), (inside,))
        return jnp.exp(multilinear(jnp.log(norms), (jnp.log(nodes),), (jnp.log(inside),)))

    # ---- model files: a row for every node ----

    def file_parameters(self) -> dict[str, Any]:
        if isinstance(self.norms, tuple):
            return {f"norm_{k}": norm for k, norm in enumerate(self.norms)}
        whole = self.norms
        labels = [str(k) for k in range(len(self.energy))]
        if not isinstance(whole, Parameter) or whole.label or list((whole.axes or {}).get("node", ())) != labels:
            return {"norms": whole}
        values, errors = (np.broadcast_to(part, whole.shape) for part in (whole.value, whole.error))
        rows = zip(values.tolist(), errors.tolist())
        return {f"norm_{k}": whole.replace(value=v, error=e, axes=None) for k, (v, e) in enumerate(rows)}

    def file_fields(self) -> dict[str, Any]:
        return {"energy": {"data": self.energy.tolist(), "unit": "TeV"}, "interp": self.interp}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("energy", "interp")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> PiecewiseNormSpectralModel:
        if rows.names == ["norms"]:
            return cls(**fields, **rows.read({"norms": ("", {})}))
        expected = [f"norm_{k}" for k in range(len(rows.names))]
        if rows.names != expected:
            raise ConfigError(f"parameters: expected norm_0, norm_1, ... in order, got {', '.join(rows.names)}")
        norms = list(rows.read({name: ("", {}) for name in expected}).values())
        if not norms:
            return cls(**fields)
        alike = {_options(norm) for norm in norms}
        if len(alike) > 1 or not isinstance(norms[0], Parameter) or rows.linked or norms[0].prior or norms[0].label:
            return cls(norms=norms, **fields)
        value, error = [norm.value for norm in norms], np.array([norm.error for norm in norms])
        axes = {"node": [str(k) for k in range(len(norms))]}
        return cls(norms=norms[0].replace(value=value, error=error, axes=axes), **fields)


def _options(norm: Any) -> tuple[Any, ...]:
    names = ("min", "max", "frozen", "scale", "prior", "label")
    return tuple(getattr(norm, name) for name in names) if isinstance(norm, Parameter) else (id(norm),)
