"""Times of FITS files: seconds since a reference, which the header names.

Reading is lenient: a missing ``TIMESYS`` is taken as TT, a missing ``TIMEUNIT`` as seconds, a missing reference as
2000-01-01 TT, each with one warning per file. ``TIMEREF`` (where the times were measured) is kept, and never used to
correct times. Seconds are SI seconds elapsed since the reference, also where the system is UTC.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import astropy.units as u
import numpy as np
from astropy.time import Time, TimeDelta

from gjax.errors import DataFormatError, UnitError

__all__ = ["TIME_REF_DEFAULT", "seconds_since", "time_ref_from_meta", "time_ref_to_meta", "time_unit", "warn_once"]

log = logging.getLogger(__name__)

TIME_REF_DEFAULT = Time("2000-01-01T00:00:00", scale="tt")
SCALES = ("tt", "utc", "tai", "tdb", "tcb", "tcg", "ut1")


@lru_cache(maxsize=4096)
def warn_once(name: str, message: str) -> None:
    """Log a warning the first time only; ``name`` is that of the logger.

    Parameters
    ----------
    name
        Name of the logger.
    message
        Text; the same text is logged once per process.

    Examples
    --------
    >>> warn_once("gjax.example", "look at this")
    """
    logging.getLogger(name).warning(message)


def time_ref_from_meta(meta: dict[str, Any], where: str = "") -> Time:
    """Reference time of a table.

    Parameters
    ----------
    meta
        Header keywords: MJDREFI and MJDREFF (or MJDREF), TIMESYS, TIMEZERO.
    where
        File and HDU, for messages.

    Raises
    ------
    DataFormatError
        If a keyword is there but is not a number.

    Examples
    --------
    >>> time_ref_from_meta({"MJDREFI": 51910, "MJDREFF": 0.5, "TIMESYS": "TT"}).mjd
    np.float64(51910.5)
    """
    scale = str(meta.get("TIMESYS", "")).strip().lower()
    if scale not in SCALES:
        warn_once(__name__, f"{where}: TIMESYS is {meta.get('TIMESYS')!r}, taken as 'TT'")
        scale = "tt"
    try:
        if "MJDREFI" in meta:
            whole, fraction = float(meta["MJDREFI"]), float(meta.get("MJDREFF", 0.0))
        elif "MJDREF" in meta:
            whole, fraction = float(meta["MJDREF"]), 0.0
        else:
            warn_once(__name__, f"{where}: no MJDREFI in the header, times are taken relative to 2000-01-01 TT")
            return TIME_REF_DEFAULT
    except (TypeError, ValueError) as error:
        raise DataFormatError(f"{where}: MJDREFI, MJDREFF: expected numbers ({error})") from error
    reference = Time(whole, fraction, format="mjd", scale=scale)
    zero = float(meta.get("TIMEZERO") or 0.0)
    return reference + TimeDelta(zero * time_unit(meta, where).to("s"), format="sec") if zero else reference


def time_ref_to_meta(time_ref: Time) -> dict[str, Any]:
    """Header keywords of a reference time.

    Parameters
    ----------
    time_ref
        Reference time; its scale becomes TIMESYS.

    Examples
    --------
    >>> time_ref_to_meta(TIME_REF_DEFAULT)["MJDREFI"]
    51544
    """
    # jd1 and jd2 are exact together; their difference to MJD is taken in whole days first.
    days = time_ref.jd1 - 2400000.5
    whole = float(np.floor(days + time_ref.jd2))
    return {
        "MJDREFI": int(whole),
        "MJDREFF": float((days - whole) + time_ref.jd2),
        "TIMEUNIT": "s",
        "TIMESYS": time_ref.scale.upper(),
        "TIMEREF": "LOCAL",
    }


def time_unit(meta: dict[str, Any], where: str = "") -> u.UnitBase:
    """Unit of times: TIMEUNIT, seconds by default.

    Parameters
    ----------
    meta
        Header keywords.
    where
        File and HDU, for messages.

    Raises
    ------
    UnitError
        If it is no unit of time.

    Examples
    --------
    >>> time_unit({}), time_unit({"TIMEUNIT": "d"})
    (Unit("s"), Unit("d"))
    """
    unit = u.Unit(str(meta.get("TIMEUNIT", "s")).strip() or "s", parse_strict="silent")
    if not unit.is_equivalent(u.s):
        raise UnitError(f"{where}: TIMEUNIT is {str(unit)!r}, expected a unit of time such as 's'")
    return unit


def seconds_since(times: Any, time_ref: Time) -> np.ndarray:
    """Seconds between a reference and times (Time, or Quantity that is relative to the reference already).

    Parameters
    ----------
    times
        Time of any scale, or Quantity that counts from the reference.
    time_ref
        The reference.

    Examples
    --------
    >>> float(seconds_since(Time("2000-01-02", scale="tt"), TIME_REF_DEFAULT))
    86400.0
    """
    if isinstance(times, Time):
        return np.asarray((times - time_ref).to_value("s"), dtype=float)
    try:
        return np.asarray(u.Quantity(times).to_value("s"), dtype=float)
    except (u.UnitConversionError, TypeError) as error:
        raise UnitError(f"expected a Time or a Quantity in seconds, got {times!r}") from error
