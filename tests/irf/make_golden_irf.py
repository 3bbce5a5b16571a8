"""Make golden_irf.json: responses evaluated by the reference package (run where Gammapy 2.1 is installed).

GAMMAPY_DATA=... python tests/irf/make_golden_irf.py
"""

import json
import os
from pathlib import Path

import numpy as np

HESS = "hess-dl3-dr1/data/hess_dl3_dr1_obs_id_023523.fits.gz"
CTA1DC = "cta-1dc/caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits"
PROD5 = "cta-caldb/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz"
MAGIC = "magic/rad_max/data/20131004_05029747_DL3_CrabNebula-W0.40+035.fits"
CASES = [
    ("EffectiveAreaTable2D", HESS, "AEFF"),
    ("EnergyDispersion2D", HESS, "EDISP"),
    ("PSF3D", HESS, "PSF"),
    ("Background3D", HESS, "BKG"),
    ("EffectiveAreaTable2D", CTA1DC, "EFFECTIVE AREA"),
    ("EnergyDispersion2D", CTA1DC, "ENERGY DISPERSION"),
    ("EnergyDependentMultiGaussPSF", CTA1DC, "POINT SPREAD FUNCTION"),
    ("Background3D", CTA1DC, "BACKGROUND"),
    ("EffectiveAreaTable2D", PROD5, "EFFECTIVE AREA"),
    ("EnergyDispersion2D", PROD5, "ENERGY DISPERSION"),
    ("EnergyDependentMultiGaussPSF", PROD5, "POINT SPREAD FUNCTION"),
    ("Background3D", PROD5, "BACKGROUND"),
    ("EffectiveAreaTable2D", MAGIC, "EFFECTIVE AREA"),
    ("EnergyDispersion2D", MAGIC, "ENERGY DISPERSION"),
    ("RadMax2D", MAGIC, "RAD_MAX"),
    ("PSFKing", "tests/hess_psf_king_023523.fits.gz", "PSF_2D_KING"),
    ("EffectiveAreaTable2D", "tests/unbundled/irfs/aeff2D.fits", "EFFECTIVE AREA"),
    ("Background3D", "tests/irf/bkg_3d_full_example.fits", "BACKGROUND"),
]
RMFS = [
    "joint-crab/spectra/magic/rmf_obs5029747.fits",
    "joint-crab/spectra/fermi/rmf_obs0.fits",
    "PKS2155-steady/pks2155-304_steady_rmf.fits.gz",
]


def rounded(values):
    return [float(f"{value:.9g}") for value in np.ravel(values)]


def coordinates(axis, rng, n, margin):
    """Random coordinates inside an axis and (with a margin) slightly outside."""
    low, high = axis.edges.value[0], axis.edges.value[-1]
    if axis.interp == "log":
        low, high = np.log(low), np.log(high)
    values = rng.uniform(low - margin * (high - low), high + margin * (high - low), n)
    return np.abs(np.exp(values) if axis.interp == "log" else values)


def main():
    import astropy.units as u
    import gammapy
    import gammapy.irf
    from gammapy.maps import MapAxis

    data = Path(os.environ["GAMMAPY_DATA"])
    rng = np.random.default_rng(42)
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", 5, per_decade=True, name="energy_true")
    reco = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", 3, per_decade=True)
    cases = []
    for name, path, hdu in CASES:
        irf = getattr(gammapy.irf, name).read(data / path, hdu=hdu)
        # The example backgrounds give no unit for energies: the axis is in numbers, which mean TeV and deg.
        units = [str(axis.unit) for axis in irf.axes]
        coords = {axis.name: coordinates(axis, rng, 40, 0.05) for axis in irf.axes}
        case = {"class": name, "path": path, "hdu": hdu, "units": units}
        quantities = {k: v * u.Unit(unit) for (k, v), unit in zip(coords.items(), units)}
        if "PSF" in name:
            rad = rng.uniform(0.0, 0.3, 40)
            coords["rad"] = quantities["rad"] = rad
            quantities["rad"] = rad * u.deg
            pointwise = {k: v for k, v in quantities.items() if k != "rad"}
            case["containment"] = rounded(irf.containment(rad=quantities["rad"], **pointwise))
            radius = irf.containment_radius(fraction=0.68, **pointwise)
            case["radius"] = rounded(radius.to_value("deg"))
        kwargs = {"method": "nearest"} if name == "RadMax2D" else {}
        values = irf.evaluate(**quantities, **kwargs)
        case["unit"] = {"PSF3D": "sr-1", "PSFKing": "sr-1", "EnergyDependentMultiGaussPSF": "sr-1"}.get(
            name, str(values.unit)
        )
        case["values"] = rounded(values.to_value(case["unit"]))
        case["coords"] = {k: rounded(v) for k, v in coords.items()}
        if name == "Background3D" and units[0]:
            case["integral"] = rounded(
                irf.integrate_log_log(
                    "energy",
                    energy=([[[0.3]], [[1.0]], [[3.0]], [[10.0]]] * u.TeV),
                    fov_lon=[[[0.3, 1.2]]] * u.deg,
                    fov_lat=[[[-0.6, 0.9]]] * u.deg,
                ).to_value("s-1 sr-1")
            )
        if name == "EnergyDispersion2D":
            offset = 0.4 if path == MAGIC else 0.7
            kernel = irf.to_edisp_kernel(offset * u.deg, true, reco)
            case["kernel"] = {"offset": offset, "matrix": rounded(kernel.pdf_matrix)}
            own = irf.to_edisp_kernel(offset * u.deg)
            case["kernel"]["bias_energy"] = rounded(own.get_bias_energy(0.1).to_value("TeV")[:1])
            energy = [1.1, 3.3, 11.0] * u.TeV  # not at bin edges
            case["kernel"]["bias"] = rounded(own.get_bias(energy))
            case["kernel"]["resolution"] = rounded(own.get_resolution(energy))
        cases.append(case)
    gauss = gammapy.irf.EDispKernel.from_gauss(true, reco, sigma=0.15, bias=0.05).pdf_matrix
    diagonal = gammapy.irf.EDispKernel.from_diagonal_response(true, reco).pdf_matrix
    rmfs = {}
    for path in RMFS:
        kernel = gammapy.irf.EDispKernel.read(data / path)
        rmfs[path] = {"sum_reco": rounded(kernel.data.sum(axis=1)), "sum_true": rounded(kernel.data.sum(axis=0))}
    areas = {}
    for instrument in ("HESS", "HESS2", "CTAO"):
        areas[instrument] = rounded(gammapy.irf.EffectiveAreaTable2D.from_parametrization(true, instrument).data)
    golden = {
        "gammapy": gammapy.__version__,
        "cases": cases,
        "gauss": rounded(gauss),
        "diagonal": rounded(diagonal),
        "rmfs": rmfs,
        "parametrization_cm2": areas,
    }
    path = Path(__file__).with_name("golden_irf.json")
    path.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
