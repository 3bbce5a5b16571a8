"""Shared fixtures: where the real data are, and one line where they are absent."""

import os
from pathlib import Path

import pytest

import gjax

gjax.enable_x64()


def data_folder() -> Path | None:
    """Return the folder of the public data, or None."""
    value = os.environ.get("GAMMAPY_DATA")
    return Path(value) if value and Path(value).is_dir() else None


def pytest_collection_modifyitems(items):
    if data_folder() is not None:
        return
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(pytest.mark.skip(reason="GAMMAPY_DATA is not set: tests on real data are skipped"))


@pytest.fixture(scope="session")
def gammapy_data() -> Path:
    """Folder of the public data (use together with ``@pytest.mark.data``)."""
    folder = data_folder()
    if folder is None:
        pytest.skip("GAMMAPY_DATA is not set: tests on real data are skipped")
    return folder


@pytest.fixture(scope="session")
def simulate_on_off():
    """A function that draws an on-off spectrum of a power law (index 2.3, 3e-11 at 1 TeV by default)."""
    import numpy as np
    from scipy.special import ndtr

    from gjax.datasets import SpectrumDatasetOnOff
    from gjax.irf import EDispKernel
    from gjax.maps import MapAxis, RegionNDMap

    def draw(
        name="run",
        *,
        seed=0,
        amplitude=3e-11,
        index=2.3,
        n_bins=8,
        n_true=12,
        alpha=0.2,
        background=60.0,
        exposure=1.5e13,
        asimov=False,
        **changes,
    ):
        energy = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=n_bins)
        true = MapAxis.from_energy_bounds("0.3 TeV", "80 TeV", nbin=n_true, name="energy_true")
        edges, edges_true = energy.edges.to_value("TeV"), true.edges.to_value("TeV")
        centre = np.sqrt(edges_true[1:] * edges_true[:-1])
        kernel = np.diff(ndtr(np.log(edges[None, :] / centre[:, None]) / 0.15), axis=1)
        area = exposure * (1 - np.exp(-((centre / 1.0) ** 1.5)))
        flux = amplitude * np.diff(edges_true ** (1 - index)) / (1 - index)
        signal = (flux * area) @ kernel
        off = background * (edges[:-1] / edges[0]) ** -1.5
        rng = np.random.default_rng(seed)
        counts = signal + alpha * off if asimov else rng.poisson(signal + alpha * off)
        counts_off = off if asimov else rng.poisson(off)
        fields = {
            "counts": RegionNDMap.create(None, axes=[energy], data=counts),
            "counts_off": RegionNDMap.create(None, axes=[energy], data=counts_off),
            "acceptance": 1.0,
            "acceptance_off": 1.0 / alpha,
            "exposure": RegionNDMap.create(None, axes=[true], data=area / 1e4, unit="m2 s"),
            "edisp": EDispKernel([true, energy], kernel),
            "name": name,
        }
        return SpectrumDatasetOnOff(**(fields | changes))

    return draw
