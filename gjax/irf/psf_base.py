"""What point spread functions against offset share, however they are given."""

from __future__ import annotations

from typing import Any

from gjax.irf.response import AbstractResponse

__all__ = ["AbstractPSF"]


class AbstractPSF(AbstractResponse):
    """A point spread function on the axes ``energy_true, offset`` with ``containment`` and ``containment_radius``."""

    def plot_containment_radius(self, ax: Any = None, *, fraction: float = 0.68, offset: Any = None) -> Any:
        """Plot a containment radius against true energy; return the axes (new ones if None)."""
        from gjax.plot import plot_containment_radius

        return plot_containment_radius(self, fraction=fraction, offset=offset, ax=ax)

    def peek(self, figure: Any = None, *, offset: Any = None) -> Any:
        """Plot containment radius and contained fraction in one figure (a new one if None) and return it."""
        from gjax.plot import peek_psf

        return peek_psf(self, offset=offset, figure=figure)
