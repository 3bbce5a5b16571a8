"""Corners of pixels of images, made by astropy."""

import numpy as np
from astropy.wcs import WCS

from gjax.models import PixelNodes


def image_wcs(proj="TAN", lon=10.0, lat=22.0, binsz=0.02, npix=60, frame="icrs"):
    wcs = WCS(naxis=2)
    names = ("RA--", "DEC-") if frame == "icrs" else ("GLON", "GLAT")
    wcs.wcs.ctype = [f"{name}-{proj}" for name in names]
    wcs.wcs.cdelt = [-binsz, binsz]
    middle = (npix + 1) / 2
    is_cylinder = proj == "CAR"
    wcs.wcs.crval = [lon, 0.0 if is_cylinder else lat]
    wcs.wcs.crpix = [middle, middle - (lat / binsz if is_cylinder else 0.0)]
    return wcs


def image_pixels(wcs, npix=60, frame="icrs", oversampling=4):
    x, y = np.meshgrid(np.arange(npix + 1) - 0.5, np.arange(npix + 1) - 0.5)
    return PixelNodes.from_corners(*wcs.wcs_pix2world(x, y, 0), frame=frame, oversampling=oversampling)
