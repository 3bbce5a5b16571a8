"""Geometries and operations that exist with the same names in gjax and Gammapy."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleAnnulusSkyRegion, CircleSkyRegion, EllipseSkyRegion, PointSkyRegion, RectangleSkyRegion

CASES = {
    "tan_icrs": {"skydir": (83.63, 22.01), "npix": (60, 48), "binsz": 0.05, "proj": "TAN", "frame": "icrs"},
    "car_galactic": {"skydir": (3.0, 2.0), "npix": (60, 48), "binsz": 0.05, "proj": "CAR", "frame": "galactic"},
    "car_zero": {"skydir": (0.0, 0.0), "npix": (60, 48), "binsz": 0.05, "proj": "CAR", "frame": "galactic"},
    "sin_icrs": {"skydir": (266.4, -29.0), "npix": (60, 48), "binsz": 0.05, "proj": "SIN", "frame": "icrs"},
}


def pattern(shape):
    """Numbers between 0 and 1 without any symmetry."""
    return np.modf(np.abs(np.sin(np.arange(np.prod(shape)) * 12.9898) * 43758.5453))[0].reshape(shape)


def weigh(values):
    """Size, sum and a sum with changing weights: three numbers that notice any shift."""
    flat = np.nan_to_num(np.ravel(values), nan=-1.0)
    return [flat.size, float(flat.sum()), float((flat * (1 + np.arange(flat.size) % 7)).sum())]


def run_operations(geom, cube):
    """Return arrays by name; what differs between the packages on purpose is not among them."""
    center = geom.center_skydir
    lon, lat = center.data.lon.deg, center.data.lat.deg
    place = SkyCoord(lon + 0.213, lat - 0.317, unit="deg", frame=geom.frame)
    regions = {
        "circle": CircleSkyRegion(place, 0.31 * u.deg),
        "ellipse": EllipseSkyRegion(center, 1 * u.deg, 0.4 * u.deg, 30 * u.deg),
        "rectangle": RectangleSkyRegion(place, 0.5 * u.deg, 0.3 * u.deg, 12 * u.deg),
        "annulus": CircleAnnulusSkyRegion(center, 0.33 * u.deg, 0.61 * u.deg),
    }
    number = np.arange(500)
    coords = {
        "skycoord": SkyCoord(
            lon + 3 * (pattern(500) - 0.5), lat + 3 * (pattern((3, 500))[2] - 0.5), unit="deg", frame=geom.frame
        ).icrs,
        "energy": 0.7 * 15 ** (number / 500) * u.TeV,
    }
    image = geom.to_image()
    grid = image.get_coord()
    out = {
        "lon": u.Quantity(grid["lon"]).value,
        "lat": u.Quantity(grid["lat"]).value,
        "solid_angle": image.solid_angle().to_value("sr"),
        "bin_volume": geom.bin_volume().value,
        "separation": u.Quantity(geom.separation(place)).to_value("deg"),
        "contains": geom.contains(coords),
        "energy_mask": geom.energy_mask(2 * u.TeV, 9 * u.TeV).data,
        "energy_mask_rounded": geom.energy_mask(2 * u.TeV, 9 * u.TeV, round_to_edge=True).data,
        "boundary_mask": geom.boundary_mask(0.3 * u.deg).data,
        "point_mask": image.region_mask([PointSkyRegion(place)]).data,
        "weights": image.region_weights([regions["circle"]]).data,
    }
    for i, pix in enumerate(geom.coord_to_pix(coords)):
        out[f"pix_{i}"] = pix
    for mode, width, odd in (("trim", 1.03, False), ("partial", 1.5, True), ("trim", (2.0, 1.0), False)):
        part = geom.cutout(place, width * u.deg if np.isscalar(width) else width, mode=mode, odd_npix=odd)
        out[f"cutout_{mode}_{width}"] = [*part.data_shape, *part.wcs.wcs.crpix]
    aligned = type(geom).from_aligned(geom, SkyCoord(lon + 1, lat, unit="deg", frame=geom.frame), 1 * u.deg)
    out["aligned"] = [*aligned.data_shape, *aligned.wcs.wcs.crpix]
    for name, region in regions.items():
        out[f"mask_{name}"] = geom.region_mask([region]).data
        out[f"sum_{name}"] = cube.to_region_nd_map(region).data
        out[f"mean_{name}"] = cube.to_region_nd_map(region, func=np.mean).data
    for scale in ("lin", "log"):
        out[f"interp_{scale}"] = cube.interp_by_coord(coords, values_scale=scale)
    out["interp_fill"] = cube.interp_by_coord(coords, fill_value=0)
    out["interp_nearest"] = cube.interp_by_coord(coords, method="nearest", fill_value=0)
    out["get"] = cube.get_by_coord(coords)
    for preserve in (True, False):
        out[f"down_{preserve}"] = cube.downsample(4, preserve_counts=preserve).data
        out[f"up_{preserve}"] = cube.upsample(3, preserve_counts=preserve).data
    out["down_energy"] = cube.downsample(2, axis_name="energy").data
    out["pad"] = cube.pad(3).data
    out["crop"] = cube.crop(5).data
    for kernel, width in (("gauss", 0.1 * u.deg), ("disk", 0.22 * u.deg), ("box", 5)):
        out[f"smooth_{kernel}"] = cube.smooth(width, kernel=kernel).data
    out["convolve"] = cube.convolve(pattern((7, 5))).data
    out["convolve_planes"] = cube.convolve(pattern((4, 5, 5))).data
    out["cumsum"] = cube.cumsum("energy").data
    mask = geom.region_mask([regions["circle"]])
    for kernel in ("disk", "box"):
        out[f"erode_{kernel}"] = mask.binary_erode(0.15 * u.deg, kernel=kernel).data
    other = type(geom).create(skydir=place, npix=(20, 22), binsz=0.07, proj="TAN", frame="icrs", axes=geom.axes)
    out["interp_to_geom"] = cube.interp_to_geom(other).data
    out["interp_counts"] = cube.interp_to_geom(other, preserve_counts=True).data
    out["interp_mask"] = mask.interp_to_geom(other).data
    return out
