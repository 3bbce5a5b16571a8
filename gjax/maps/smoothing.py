"""Smoothing and convolution of the images of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

if TYPE_CHECKING:
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["convolve", "disk_kernel", "smooth"]


def disk_kernel(radius: float) -> np.ndarray:
    """Disk of that radius on pixels (those whose centre lies within), normalised to a sum of one.

    Parameters
    ----------
    radius
        Radius [pixels].

    Examples
    --------
    >>> disk_kernel(1.2)
    array([[0. , 0.2, 0. ],
           [0.2, 0.2, 0.2],
           [0. , 0.2, 0. ]])
    """
    half = int(np.floor(radius))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    inside = (x**2 + y**2 <= radius**2).astype(float)
    return inside / inside.sum()


def smooth(wcs_map: WcsNDMap, width: Any, kernel: str = "gauss", **kwargs: Any) -> WcsNDMap:
    """Smooth every image; see `WcsNDMap.smooth`.

    Parameters
    ----------
    wcs_map, width, kernel, **kwargs
        See `WcsNDMap.smooth`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> image = Map.create(npix=5, binsz=1, data=np.eye(5))
    >>> round(float(smooth(image, 1, "disk").data[2, 2]), 3)
    0.2
    """
    from scipy.ndimage import convolve as direct
    from scipy.ndimage import gaussian_filter, uniform_filter

    if isinstance(width, u.Quantity | str):
        width = u.Quantity(width)
        pixels = width.value if width.unit == u.dimensionless_unscaled else None
        width = pixels if pixels is not None else width.to_value("deg") / wcs_map.geom.pixel_scales.value.mean()
    width = float(width)
    if not np.isfinite(width) or width < 0:
        raise ValueError(f"the width of smoothing must be a positive number, got {width}")
    data = np.empty(wcs_map.data.shape)
    for index in np.ndindex(data.shape[:-2]):
        image = wcs_map.data[index].astype(float)
        if kernel == "gauss":
            data[index] = gaussian_filter(image, width, **kwargs)
        elif kernel == "disk":
            data[index] = direct(image, disk_kernel(width), **kwargs)
        elif kernel == "box":
            data[index] = uniform_filter(image, max(int(width), 1), **kwargs)
        else:
            raise ValueError(f"kernel is {kernel!r}, expected 'gauss', 'disk' or 'box'")
    return wcs_map.copy(data=data)


def convolve(wcs_map: WcsNDMap, kernel: Any, method: str = "fft", mode: str = "same") -> WcsNDMap:
    """Convolve every image with a kernel; see `WcsNDMap.convolve`.

    Parameters
    ----------
    wcs_map, kernel, method, mode
        See `WcsNDMap.convolve`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> convolve(Map.create(npix=3, binsz=1) + 1, np.ones((3, 3))).data[1, 1].round(6)
    np.float64(9.0)
    """
    from scipy.signal import convolve as scipy_convolve
    from scipy.signal import oaconvolve

    if mode not in ("same", "full"):
        raise ValueError(f"mode is {mode!r}, expected 'same' or 'full'")
    if method not in ("fft", "direct"):
        raise ValueError(f"method is {method!r}, expected 'fft' or 'direct'")
    values, axes = _kernel_values(wcs_map, kernel)
    geom = wcs_map.geom
    if geom.is_image and values.ndim > 2:
        if axes is None:
            raise ValueError("an image with a kernel that has axes: give the kernel as a map or PSFKernel")
        geom = geom.to_cube(axes)
    data = np.broadcast_to(wcs_map.data.astype(float), geom.data_shape)
    if values.ndim > 2 and values.shape[:-2] != geom.data_shape[:-2]:
        raise ValueError(f"the kernel has the axes {values.shape[:-2]}, the map {geom.data_shape[:-2]}")
    if values.ndim < 2 or any(n % 2 == 0 for n in values.shape[-2:]):
        raise ValueError(f"a kernel needs an odd number of pixels along each side, got the shape {values.shape}")
    if mode == "full":
        geom = geom.pad((values.shape[-1] // 2, values.shape[-2] // 2))
    values = np.broadcast_to(values, (*data.shape[:-2], *values.shape[-2:]))
    if method == "fft":
        result = oaconvolve(data, values, mode="full", axes=(-2, -1))
    else:
        result = np.empty((*data.shape[:-2], *(n + k - 1 for n, k in zip(data.shape[-2:], values.shape[-2:]))))
        for index in np.ndindex(data.shape[:-2]):
            result[index] = scipy_convolve(data[index], values[index], mode="full", method="direct")
    if mode == "same":
        # scipy centres "same" on the smaller of the two; a wide kernel must not shrink the map.
        y, x = values.shape[-2] // 2, values.shape[-1] // 2
        result = result[..., y : y + data.shape[-2], x : x + data.shape[-1]]
    return wcs_map.copy(geom=geom, data=result)


def _kernel_values(wcs_map: WcsNDMap, kernel: Any) -> tuple[np.ndarray, Any]:
    kernel_map = getattr(kernel, "psf_kernel_map", kernel)
    geom = getattr(kernel_map, "geom", None)
    if geom is None:
        return np.asarray(kernel, dtype=float), None
    if not np.allclose(geom.pixel_scales.value, wcs_map.geom.pixel_scales.value, rtol=1e-5):
        raise ValueError(f"the kernel has pixels of {geom.pixel_scales}, the map of {wcs_map.geom.pixel_scales}")
    return np.asarray(kernel_map.data, dtype=float), geom.axes
