"""The methods of the classes draw what the functions draw."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from matplotlib import pyplot as plt
from regions import CircleSkyRegion

from gjax import plot
from gjax.datasets import Datasets, FluxPoints, SpectrumDataset
from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom
from gjax.simulate import PointSource, demo_array, simulate_observation


def flux(energy):
    return 3.8e-11 * u.Unit("cm-2 s-1 TeV-1") * energy.to_value("TeV") ** -2.4


@pytest.fixture(scope="module")
def observation():
    crab = SkyCoord(83.63, 22.01, unit="deg")
    pointing = SkyCoord(83.63, 21.51, unit="deg")
    return simulate_observation(np.random.default_rng(0), PointSource(flux, crab), pointing, demo_array(), obs_id=5)


@pytest.fixture(scope="module")
def datasets(observation):
    energy = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", 20)
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", 40, name="energy_true")
    region = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), 0.11 * u.deg)
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=true)
    makers = [SpectrumDatasetMaker(), ReflectedRegionsBackgroundMaker(), SafeMaskMaker(["aeff-max"])]
    return DatasetsMaker(makers).run(empty, [observation])


@pytest.fixture(autouse=True)
def _close():
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("aeff", ["plot", "peek"]),
        ("edisp", ["peek"]),
        ("psf", ["plot_containment_radius", "peek"]),
        ("bkg", ["peek"]),
    ],
)
def test_responses(observation, name, methods):
    for method in methods:
        drawn = getattr(getattr(observation, name), method)()
        assert plt.get_fignums()
        assert (drawn.figure if hasattr(drawn, "get_xlabel") else drawn) is not None


def test_events(tmp_path, observation):
    figure = observation.events.peek()
    assert len([ax for ax in figure.axes if ax.get_xlabel()]) == 4
    plot.save(figure, tmp_path / "events.png", dpi=50)
    ax = observation.events.plot_image(width="4 deg")
    assert len(ax.images) == 1
    figure = observation.events.select_energy(["90 TeV", "91 TeV"]).peek()
    plot.save(figure, tmp_path / "none.png", dpi=50)


def test_dataset(tmp_path, datasets):
    dataset = datasets[0]
    ax = dataset.plot_counts()
    assert ax.get_ylabel() == "Counts"
    ax = dataset.plot_excess(npred=np.ones(20))
    assert ax.get_ylabel() == "Excess counts"
    figure = dataset.peek()
    plot.save(figure, tmp_path / "dataset.png", dpi=50)
    assert isinstance(datasets, Datasets)
    dataset.edisp.peek()
    dataset.edisp.plot_matrix()
    dataset.edisp.plot_bias()


def test_flux_points():
    unit = u.Unit("cm-2 s-1 TeV-1")
    points = FluxPoints.from_arrays(
        e_ref=[1, 3] * u.TeV, e_min=[0.5, 2] * u.TeV, e_max=[2, 5] * u.TeV, dnde=[1e-11, 1e-12] * unit,
        dnde_err=[1e-12, 1e-12] * unit, dnde_ul=[2e-11, 3e-12] * unit, is_ul=[False, True],
    )  # fmt: skip
    ax = points.plot()
    assert len(ax.containers) == 2
    assert ax.containers[0].lines[0].get_ydata()[0] == pytest.approx(1e-11)
