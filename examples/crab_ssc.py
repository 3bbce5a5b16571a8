"""The Crab Nebula from infrared to 100 TeV: electrons and magnetic field from synchrotron self-Compton emission.

Joint fit of spectral points (Buehler & Blandford 2014 for the nebula from infrared to Fermi-LAT, HAWC up to 130 TeV)
and of four H.E.S.S. on-off spectra, then a posterior. Needs the public data: set GAMMAPY_DATA to their folder.
Run with:  python examples/crab_ssc.py [FOLDER FOR PLOTS]
"""

import sys
from pathlib import Path

import astropy.units as u
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

import gjax
from gjax.datasets import Datasets, FluxPoints, FluxPointsDataset, SpectrumDatasetOnOff
from gjax.emission import (
    BlackBodyPhotonField,
    ExpCutoffBrokenPowerLawParticles,
    SynchrotronSelfComptonSpectralModel,
)
from gjax.models import Models, SkyModel
from gjax.parameters import Expression, Parameter, UniformPrior
from gjax.paths import expand_path

gjax.enable_x64()
folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# Points of the nebula: infrared (above 0.1 eV) and optical, XMM, SPI and COMPTEL carry the synchrotron part. Their
# instruments agree to no better than 5 %, which goes into the errors. TeV points of H.E.S.S. are left to its spectra.
table = Table.read(
    expand_path("$GAMMAPY_DATA/tests/unbundled/tev_spectra/crab_mwl.fits.gz"), unit_parse_strict="silent"
)
energy = table["energy"].quantity
flux, error = (
    np.ma.filled(table[name].data, np.nan) * u.Unit("erg cm-2 s-1") for name in ("energy_flux", "energy_flux_err")
)
keep = (table["component"] == "nebula") & (energy > 0.1 * u.eV) & (energy < 0.4 * u.TeV) & (error > 0)
error = np.hypot(error, 0.05 * flux)
sed = {"e_ref": energy[keep], "dnde": (flux / energy**2)[keep], "dnde_err": (error / energy**2)[keep]}
hawc = FluxPoints.read("$GAMMAPY_DATA/hawc/crab_flux/HAWC19_flux_points.fits")
good = ~hawc.is_ul
units = {"e_ref": "TeV", "dnde": "TeV-1 cm-2 s-1", "dnde_err": "TeV-1 cm-2 s-1"}
columns = {key: np.append(sed[key].to(unit), getattr(hawc, key)[good].to(unit)) for key, unit in units.items()}
points = FluxPoints.from_arrays(**columns)
runs = []
for run in (23523, 23526, 23559, 23592):
    spectrum = SpectrumDatasetOnOff.read(f"$GAMMAPY_DATA/joint-crab/spectra/hess/pha_obs{run}.fits", name=f"hess-{run}")
    edges = spectrum.counts.geom.axes["energy"].edges.to_value("TeV")
    runs.append(spectrum.copy(mask_safe=spectrum.mask_safe.data.ravel() & (edges[:-1] > 0.66) & (edges[1:] < 30)))
datasets = [FluxPointsDataset(points, name="points"), Datasets(runs).stack_reduce(name="hess")]

# Model: a homogeneous sphere of 2.1 pc at 2 kpc; electrons also scatter the CMB, dust and stars. X-rays fix the number
# of electrons around 10 TeV to some per cent, and infrared light that around 0.1 TeV, below the break. So these two are
# the free parameters, and amplitude and lower index follow from them: what is known is then each one coordinate, and
# not a bent surface in three with a long tail, on which a sampler needs short steps and many.
e_break, alpha_2 = Parameter(0.3, "TeV", min=0.11, label="e_break"), Parameter(3.2, label="alpha_2")
at_10_tev = Parameter(5e32, "eV-1", label="electrons_10TeV")
at_100_gev = Parameter(2e38, "eV-1", min=0, label="electrons_100GeV")


def lower_index(n_high, n_low, break_, high):
    """Index below the break."""
    at_break = n_high * (10 / break_) ** high
    return jnp.log(n_low / at_break) / jnp.log(break_ / 0.1)


def at_1_tev(n_high, n_low, break_, high):
    """Amplitude at 1 TeV of the power law below the break."""
    return n_high * (10 / break_) ** high * break_ ** lower_index(n_high, n_low, break_, high)


known = (at_10_tev, at_100_gev, e_break, alpha_2)
electrons = ExpCutoffBrokenPowerLawParticles(
    amplitude=Expression(at_1_tev, known),
    alpha_1=Expression(lower_index, known),
    e_break=e_break,
    alpha_2=alpha_2,
    e_cutoff="1900 TeV",
    beta=2.0,
)
spectrum = SynchrotronSelfComptonSpectralModel(
    electrons,
    B="125 uG",
    radius="2.1 pc",
    distance="2 kpc",
    photon_fields=[
        "CMB",
        BlackBodyPhotonField("70 K", "0.5 eV cm-3", name="dust"),
        BlackBodyPhotonField("5000 K", "1 eV cm-3", name="stars"),
    ],
    energy_max="50 PeV",
)
models = Models(SkyModel(spectrum, name="crab")).unfreeze("particles.beta")

# Fit: seven parameters, exact derivatives.
likelihood = gjax.Likelihood(datasets, models)
result = likelihood.fit()
print(result)
best = result.models["crab"].spectral_model
print("energy of the electrons above 1 GeV:", best.particles.energy_content("1 GeV", "50 PeV"))

# Posterior: proper priors, flat over what is possible.
priors = {
    "electrons_10TeV": UniformPrior(0, 1e34),
    "electrons_100GeV": UniformPrior(0, 1e39),
    "e_break": UniformPrior(0.15, 3),
    "alpha_2": UniformPrior(2, 5),
    "e_cutoff": UniformPrior(100, 10000),
    "beta": UniformPrior(0.2, 5),
    "crab.spectral.B": UniformPrior(1, 1000),
}
posterior = gjax.Likelihood(datasets, result.models.with_priors(priors)).sample(
    jax.random.key(0), result=result, n_chains=2, n_warmup=200, n_samples=800, target_accept=0.9
)
print(posterior)

# Plots: the spectral energy distribution with its components, and the posterior.
grid = np.geomspace(1e-14, 500, 400)
fig, ax = plt.subplots(figsize=(10, 5.5), layout="constrained")
parts = best.filled().components(grid)
for name, part in parts.items():
    ax.plot(grid, grid**2 * np.asarray(part), "--", lw=1, label=name)
dnde, dnde_err = result.dnde("crab", grid * u.TeV)
ax.fill_between(grid, *(grid**2 * (dnde + s * dnde_err).value for s in (-1, 1)), color="k", alpha=0.3)
ax.plot(grid, grid**2 * dnde.value, "k", lw=1.5, label="total, 1σ")
at, value, error = (columns[key].value for key in units)
for label, part in (("infrared to GeV", at < 0.5), ("HAWC", at > 0.5)):
    ax.errorbar(at[part], (at**2 * value)[part], (at**2 * error)[part], fmt="o", ms=3, lw=1, label=label)
ax.set(xscale="log", yscale="log", ylim=(1e-14, 1e-7), xlabel="Energy [TeV]", ylabel="E² dN/dE [TeV cm⁻² s⁻¹]")
ax.legend(ncols=2, fontsize="small")
fig.savefig(folder / "crab_ssc_sed.png", dpi=120)
posterior.plot_corner().savefig(folder / "crab_ssc_corner.png", dpi=80)
