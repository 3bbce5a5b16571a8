"""Finding classes of models by their tags."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

__all__ = ["classes_by_tag", "find_class", "load_emission_models", "register"]

T = TypeVar("T")


def register(registry: dict[str, type[Any]], cls: type[Any]) -> None:
    """Enter a class under its own tag and its name, unless it is abstract.

    Parameters
    ----------
    registry
        Classes by tag and by name; changed.
    cls
        Class that is being defined.

    Raises
    ------
    ValueError
        If another class has the tag or name.

    Examples
    --------
    >>> registry = {}
    >>> register(registry, type("Line", (), {"tag": "line"}))
    >>> sorted(registry)
    ['Line', 'line']
    """
    if inspect.isabstract(cls):
        return
    names = {cls.__dict__.get("tag", ""), cls.__name__} - {""}
    for name in names & set(registry):
        taken = registry[name]
        # The same class comes again where a module is reloaded, or a cell run twice.
        if (taken.__module__, taken.__name__) != (cls.__module__, cls.__name__):
            raise ValueError(f"the name {name!r} is taken by the model {taken.__module__}.{taken.__name__}")
    registry.update(dict.fromkeys(names, cls))


def find_class(registry: dict[str, type[T]], kind: str, tag: str) -> type[T]:
    """Return the class of a tag or class name.

    Parameters
    ----------
    registry
        Classes by tag and by name.
    kind
        Word for the message, such as "spectral model".
    tag
        Tag or class name.

    Raises
    ------
    KeyError
        If there is none; the message lists the tags.

    Examples
    --------
    >>> find_class({"int": int}, "number", "float")
    Traceback (most recent call last):
        ...
    KeyError: "number 'float' is unknown; there are: int"
    """
    if tag not in registry:
        raise KeyError(f"{kind} {tag!r} is unknown; there are: {', '.join(sorted(classes_by_tag(registry)))}")
    return registry[tag]


def classes_by_tag(registry: dict[str, type[T]]) -> dict[str, type[T]]:
    """Return every class once, by its tag, or by its name if it has none.

    Examples
    --------
    >>> classes_by_tag({"int": int})
    {'int': <class 'int'>}
    """
    return {getattr(cls, "tag", "") or cls.__name__: cls for cls in registry.values()}


def load_emission_models() -> None:
    """Import `gjax.emission`, so that its models are known by their names."""
    import gjax.emission  # noqa: F401
