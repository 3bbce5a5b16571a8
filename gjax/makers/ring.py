"""Background from a ring around each position."""

from __future__ import annotations

import logging
from typing import Any

import astropy.units as u
import numpy as np

from gjax.makers.exclusion_image import kept_pixels, settle_exclusion

__all__ = ["AdaptiveRingBackgroundMaker", "RingBackgroundMaker", "disk_kernel", "ring_kernel"]

log = logging.getLogger(__name__)


def ring_kernel(r_in: float, width: float) -> np.ndarray:
    """Pixels whose centre is between two radii from the middle one.

    Parameters
    ----------
    r_in, width
        Inner radius and width [pixels].

    Examples
    --------
    >>> ring_kernel(1.0, 0.3).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    # pixels exactly on an edge belong to the ring, whatever the rounding of angles
    low, high = r_in - 1e-6, r_in + width + 1e-6
    half = int(np.floor(high))
    x = np.arange(-half, half + 1, dtype=float)
    radius = np.hypot(x, x[:, np.newaxis])
    return ((radius >= low) & (radius <= high)).astype(float)


def disk_kernel(radius: float) -> np.ndarray:
    """Pixels whose centre is within a radius from the middle one.

    Parameters
    ----------
    radius
        Radius [pixels].

    Examples
    --------
    >>> disk_kernel(1.0).astype(int).sum()
    np.int64(5)
    """
    return ring_kernel(0.0, radius)


class _Images:
    """Images to be convolved with several kernels; their Fourier transforms are made once."""

    def __init__(self, data: np.ndarray, reach: int) -> None:
        self.shape = data.shape[-2:]
        self.size = tuple(_fast_length(n + 2 * reach) for n in self.shape)
        self.transform = np.fft.rfft2(data, self.size)

    def convolved(self, kernel: np.ndarray) -> np.ndarray:
        """Sums over the kernel placed on each pixel; outside of the image there is nothing."""
        half = kernel.shape[0] // 2
        product = self.transform * np.fft.rfft2(kernel, self.size)
        full = np.fft.irfft2(product, self.size)
        return full[..., half : half + self.shape[0], half : half + self.shape[1]]


def _fast_length(n: int) -> int:
    """Smallest number from ``n`` on with no other prime factors than 2, 3 and 5."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def _in_pixels(angle: Any, geom: Any) -> float:
    return float(u.Quantity(angle).to_value("deg") / u.Quantity(geom.pixel_scales).to_value("deg")[0])


def _prepared(dataset: Any, exclusion: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts and background outside of excluded and unsafe bins, and where that is."""
    if dataset.background is None:
        raise ValueError(f"dataset {dataset.name!r}: a ring background needs a background, the acceptance")
    geom = dataset.counts.geom
    keep = np.broadcast_to(kept_pixels(exclusion, geom), geom.data_shape)
    background = dataset.background.data
    keep = keep & np.isfinite(background)
    return np.where(keep, dataset.counts.data, 0.0), np.where(keep, background, 0.0), keep


def _to_on_off(dataset: Any, counts_off: np.ndarray, acceptance_off: np.ndarray) -> Any:
    """On-off dataset; bins without off acceptance are not safe."""
    from gjax.datasets import MapDatasetOnOff

    like = dataset.counts
    safe = acceptance_off > 0
    if dataset.mask_safe is not None:
        safe = safe & dataset.mask_safe.data
    return MapDatasetOnOff.from_map_dataset(
        dataset.copy(name=dataset.name, mask_safe=like.copy(data=safe, unit="", meta={})),
        acceptance=dataset.background.copy(data=np.nan_to_num(dataset.background.data)),
        acceptance_off=like.copy(data=acceptance_off, unit="", meta={}),
        counts_off=like.copy(data=counts_off, meta={}),
        name=dataset.name,
    )


class RingBackgroundMaker:
    """Take the off counts of each pixel from a ring around it; the background model gives the acceptances.

    Parameters
    ----------
    r_in, width
        Inner radius and width of the ring.
    exclusion_mask
        Sky that holds gamma-ray sources: a mask map (False where excluded), regions, a DS9 string or a file.

    Raises
    ------
    ValueError
        If the radius is negative or the width not positive.

    Examples
    --------
    >>> RingBackgroundMaker(r_in="0.5 deg", width="0.3 deg")
    RingBackgroundMaker(r_in=0.5 deg, width=0.3 deg)
    """

    tag = "RingBackgroundMaker"

    def __init__(self, r_in: Any, width: Any, exclusion_mask: Any = None):
        self.r_in, self.width = u.Quantity(r_in).to("deg"), u.Quantity(width).to("deg")
        if self.r_in < 0 or not self.width > 0:
            raise ValueError(f"a ring needs r_in of 0 or more and a positive width, got {r_in} and {width}")
        self.exclusion_mask = settle_exclusion(exclusion_mask)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(r_in={self.r_in:g}, width={self.width:g})"

    def kernel(self, geom: Any) -> np.ndarray:
        """The ring on the pixels of a geometry."""
        return ring_kernel(_in_pixels(self.r_in, geom), _in_pixels(self.width, geom))

    def run(self, dataset: Any, observation: Any = None) -> Any:
        """Return a dataset with off counts.

        Parameters
        ----------
        dataset
            `gjax.datasets.MapDataset` with counts and background.
        observation
            Unused.

        Raises
        ------
        ValueError
            If the background is missing.
        """
        counts, background, keep = _prepared(dataset, self.exclusion_mask)
        kernel = self.kernel(dataset.counts.geom)
        reach = kernel.shape[0] // 2
        pixels = np.rint(_Images(keep, reach).convolved(kernel))
        counts_off = np.rint(_Images(counts, reach).convolved(kernel))
        acceptance_off = np.where(pixels > 0, np.maximum(_Images(background, reach).convolved(kernel), 0.0), 0.0)
        return _to_on_off(dataset, counts_off, _without_noise(acceptance_off))


def _without_noise(values: np.ndarray) -> np.ndarray:
    """Set to zero what is no more than the rounding of Fourier transforms."""
    top = values.max(axis=(-2, -1), keepdims=True)
    return np.where(values > 1e-12 * top, values, 0.0)


class AdaptiveRingBackgroundMaker:
    """Ring background with rings that grow until there is enough off acceptance.

    For each pixel and energy bin the first ring is taken for which the ratio of the acceptance within ``theta`` to
    that in the ring is at most ``threshold_alpha``; bins without such a ring are not safe. As in the ring background,
    acceptances are those of the pixels.

    Parameters
    ----------
    r_in
        Inner radius of the first ring.
    r_out_max
        Largest outer radius.
    width
        Width of the ring; with the method "fixed_r_in" that of the first.
    stepsize
        Step by which the ring grows.
    threshold_alpha
        Largest ratio of acceptances.
    theta
        Radius of the on region for which the ratio is taken.
    method
        "fixed_width": the inner radius grows; "fixed_r_in": the width does.
    exclusion_mask
        Sky that holds gamma-ray sources: a mask map (False where excluded), regions, a DS9 string or a file.

    Raises
    ------
    ValueError
        If the method is unknown, or no ring fits into the largest radius.

    Examples
    --------
    >>> maker = AdaptiveRingBackgroundMaker(r_in="0.5 deg", r_out_max="1 deg", width="0.3 deg", stepsize="0.1 deg")
    >>> [f"{r_in:.1f} {width:.1f}" for r_in, width in maker.rings()]
    ['0.5 0.3', '0.6 0.3', '0.7 0.3']
    """

    tag = "AdaptiveRingBackgroundMaker"

    def __init__(
        self,
        r_in: Any,
        r_out_max: Any,
        width: Any,
        stepsize: Any = "0.02 deg",
        threshold_alpha: float = 0.1,
        theta: Any = "0.22 deg",
        method: str = "fixed_width",
        exclusion_mask: Any = None,
    ):
        if method not in ("fixed_width", "fixed_r_in"):
            raise ValueError(f"method is {method!r}, known are fixed_width and fixed_r_in")
        self.r_in, self.r_out_max = u.Quantity(r_in).to("deg"), u.Quantity(r_out_max).to("deg")
        self.width, self.stepsize = u.Quantity(width).to("deg"), u.Quantity(stepsize).to("deg")
        self.theta = u.Quantity(theta).to("deg")
        self.threshold_alpha = threshold_alpha
        self.method = method
        self.exclusion_mask = settle_exclusion(exclusion_mask)
        if not self.stepsize > 0 or not self.width > 0 or self.r_in < 0:
            raise ValueError("stepsize and width must be positive, and r_in 0 or more")
        if not self.rings():
            raise ValueError(f"no ring from {r_in} of width {width} fits into r_out_max {r_out_max}")

    def __repr__(self) -> str:
        return f"AdaptiveRingBackgroundMaker(r_in={self.r_in:g}, r_out_max={self.r_out_max:g}, method={self.method!r})"

    def rings(self) -> list[tuple[float, float]]:
        """Inner radius and width [deg] of the rings, from the first on."""
        r_in, r_out, width, step = (q.value for q in (self.r_in, self.r_out_max, self.width, self.stepsize))
        grow = np.arange(max(int(np.floor((r_out - r_in - width) / step + 1e-6)) + 1, 0)) * step
        if self.method == "fixed_width":
            return [(float(r_in + g), float(width)) for g in grow]
        return [(float(r_in), float(width + g)) for g in grow]

    def run(self, dataset: Any, observation: Any = None) -> Any:
        """Return a dataset with off counts; arguments as for `RingBackgroundMaker.run`."""
        counts, background, _ = _prepared(dataset, self.exclusion_mask)
        geom = dataset.counts.geom
        kernels = [ring_kernel(*(_in_pixels(part * u.deg, geom) for part in ring)) for ring in self.rings()]
        theta = disk_kernel(_in_pixels(self.theta, geom))
        reach = max(kernel.shape[0] // 2 for kernel in [*kernels, theta])
        full = np.nan_to_num(dataset.background.data)
        wanted = _Images(full, reach).convolved(theta) / self.threshold_alpha
        counts_off, acceptance_off = np.zeros(geom.data_shape), np.zeros(geom.data_shape)
        images = _Images(counts, reach), _Images(background, reach)
        missing = np.ones(geom.data_shape, dtype=bool)
        for kernel in kernels:
            acceptance = _without_noise(np.maximum(images[1].convolved(kernel), 0.0))
            chosen = missing & (acceptance >= wanted) & (acceptance > 0)
            if chosen.any():
                counts_off[chosen] = np.rint(images[0].convolved(kernel))[chosen]
                acceptance_off[chosen] = acceptance[chosen]
                missing &= ~chosen
            if not missing.any():
                break
        return _to_on_off(dataset, counts_off, acceptance_off)
