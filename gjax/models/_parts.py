"""Parts of spectral models that have parameters of their own, such as the particles of `gjax.emission`."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from gjax.models._registry import find_class, load_emission_models, register
from gjax.models._spectral import declared_parameters
from gjax.parameters import fill, freeze_tree, name_parameter_fields, parameter_paths

__all__ = ["AbstractModelPart", "is_model_part", "model_part_class"]

_REGISTRY: dict[str, type[AbstractModelPart]] = {}


class AbstractModelPart(eqx.Module):
    """A part of a spectral model that is written to model files with its own type and parameters."""

    tag: ClassVar[str] = ""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        name_parameter_fields(cls)
        if not inspect.isabstract(cls) and not cls.__name__.startswith("Abstract"):
            register(_REGISTRY, cls)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(parameter_paths(self))

    def filled(self) -> Any:
        """Return the part with its parameter values as arrays."""
        skeleton, table = freeze_tree(self)
        return fill(skeleton, jnp.asarray(table.counted))

    def file_parameters(self) -> dict[str, Any]:
        """Return the parameters of a model file."""
        return {name: getattr(self, name) for name in declared_parameters(type(self))}

    def file_fields(self) -> dict[str, Any]:
        """Return what a model file says beside the type and the parameters, as plain data."""
        out = {}
        for field in dataclasses.fields(self):
            if field.name in self.file_keys():
                value, unit = getattr(self, field.name), field.metadata.get("unit")
                out[field.name] = value if unit is None else {"data": [*value], "unit": unit}
        return out

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """Return the names of the fields that are no parameters."""
        return tuple(f.name for f in dataclasses.fields(cls) if f.name not in declared_parameters(cls))

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> AbstractModelPart:
        """Build the part from a model file, see `AbstractSpectralModel.from_file`."""
        return cls(**fields, **rows.read(declared_parameters(cls)))


def model_part_class(tag: str) -> type[AbstractModelPart]:
    """Return the class of a tag or class name.

    Raises
    ------
    KeyError
        If there is none; the message lists the tags.
    """
    load_emission_models()
    return find_class(_REGISTRY, "part of a spectral model", tag)


def is_model_part(tag: Any) -> bool:
    """Tell whether there is a part of that tag or class name."""
    load_emission_models()
    return tag in _REGISTRY
