"""Make golden_map_*.fits.gz: two small map datasets and their stack (run where Gammapy 2.1 is installed).

python tests/datasets/make_golden_maps.py
"""

from pathlib import Path

import astropy.units as u
import numpy as np

FOLDER = Path(__file__).parent


def main():
    from astropy.coordinates import SkyCoord
    from astropy.table import Table
    from gammapy.data import GTI
    from gammapy.datasets import MapDataset
    from gammapy.irf import EDispKernelMap, PSFMap
    from gammapy.maps import MapAxis, WcsGeom

    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
    rad = MapAxis.from_bounds(0, 0.6, nbin=8, name="rad", unit="deg")
    center = SkyCoord(83.63, 22.01, unit="deg")
    geom = WcsGeom.create(skydir=center, binsz=0.1, width=(2, 1.6), proj="TAN", axes=[energy])
    stacked = MapDataset.create(geom, energy_axis_true=true, rad_axis=rad, binsz_irf=0.4, name="stacked")
    for number, (shift, threshold) in enumerate([(0.0, 0), (0.4, 1)]):
        rng = np.random.default_rng(number)
        position = SkyCoord(center.ra + shift * u.deg, center.dec, unit="deg")
        run = stacked.cutout(position, width=(1.2, 1.6) * u.deg, name=f"run-{number}")
        run.counts.data = rng.poisson(3.0, run.counts.data.shape).astype(float)
        run.background.data = rng.uniform(1, 3, run.background.data.shape)
        run.exposure.data = rng.uniform(1, 2, run.exposure.data.shape) * 1e9
        run.exposure.meta["livetime"] = (number + 1) * 100 * u.s
        run.mask_safe.data[threshold:, 2:] = True
        image = run.psf.psf_map.geom.to_image()
        run.psf = PSFMap.from_gauss(true, rad, sigma=(0.1 + 0.05 * number) * u.deg, geom=image)
        run.edisp = EDispKernelMap.from_gauss(energy, true, sigma=0.2 + 0.1 * number, bias=0.0, geom=image)
        # cutouts of the responses stay cutouts of the responses of the stack
        for response in (run.psf, run.edisp):
            response.exposure_map.data = rng.uniform(1, 2, response.exposure_map.data.shape) * 1e9
        start = number * 1e5 * u.s
        run.gti = GTI.create(start, start + 110 * u.s, reference_time="2010-01-01")
        run.meta_table = Table({"TELESCOP": ["GJAX"], "OBS_ID": [number], "OBS_MODE": ["POINTING"]})
        run.write(FOLDER / f"golden_map_{number}.fits.gz", overwrite=True)
        run = MapDataset.read(FOLDER / f"golden_map_{number}.fits.gz")
        stacked.stack(run)
    stacked.write(FOLDER / "golden_map_stacked.fits.gz", overwrite=True)


if __name__ == "__main__":
    main()
