"""Why a pixel of a map has no value: codes of the maps called "flag"."""

from __future__ import annotations

import numpy as np

__all__ = ["BELOW_THRESHOLD", "FLAGS", "INTERRUPTED", "OUTSIDE", "first_flag", "flag_texts"]

#: What the codes of a map "flag" mean; the first that applies.
FLAGS = (
    "",
    "outside of the masks",
    "no exposure",
    "no background",
    "the fit did not converge",
    "no counts in reach: no symmetric error",
    "a prediction would be negative first: no downward error",
    "no significance reaches the sensitivity",
    "the statistic does not rise to the upper limit",
    "not computed: interrupted",
    "no scale reaches the threshold: mean of all such pixels",
)
OUTSIDE = 1
INTERRUPTED = 9
BELOW_THRESHOLD = 10


def first_flag(shape: tuple[int, ...], **cases: np.ndarray) -> np.ndarray:
    """Return codes where cases apply, 0 elsewhere.

    Parameters
    ----------
    shape
        Shape of the map.
    **cases
        True where they apply: ``masked``, ``unexposed``, ``no_background``, ``failed``, ``no_error``, ``no_errn``,
        ``no_sensitivity``, ``no_limit``.
    """
    names = ("masked", "unexposed", "no_background", "failed", "no_error", "no_errn", "no_sensitivity", "no_limit")
    known = [(np.broadcast_to(cases[name], shape), code) for code, name in enumerate(names, 1) if name in cases]
    return np.select([where for where, _ in known], [code for _, code in known], 0).astype(np.int32)


def flag_texts(codes: np.ndarray) -> np.ndarray:
    """Return the texts of codes.

    Examples
    --------
    >>> flag_texts([0, 2]).tolist()
    ['', 'no exposure']
    """
    return np.array(FLAGS)[np.nan_to_num(np.asarray(codes, dtype=float)).astype(int)]
