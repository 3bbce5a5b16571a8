"""Cubes on common pixels, their images, and norms of backgrounds."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.analysis.cube_stages import with_backgrounds
from gjax.datasets import MapDataset
from gjax.errors import DataFormatError
from gjax.maps import MapAxis, WcsGeom
from gjax.models import FoVBackgroundModel, Models, PointSpatialModel, PowerLawSpectralModel, SkyModel
from gjax.plot.cube_images import CubeImages, collect_images, energy_groups
from gjax.stats import correlated_significance

CENTER = SkyCoord(83.63, 22.01, unit="deg")


@pytest.fixture
def cube():
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
    geom = WcsGeom.create(skydir=CENTER, npix=(12, 10), binsz=0.1, proj="TAN", axes=[energy])
    return MapDataset.create(geom, energy_axis_true=true, name="all")


def filled(dataset, value, name):
    ones = np.ones(dataset.counts.data.shape)
    return dataset.copy(
        name=name,
        counts=dataset.counts.copy(data=value * ones),
        background=dataset.background.copy(data=0.5 * value * ones),
        mask_safe=dataset.mask_safe.copy(data=ones > 0),
    )


def test_cutouts_are_put_where_they_belong(cube):
    whole = filled(cube, 1.0, "a")
    corner = filled(cube.cutout(CENTER.directional_offset_by(0 * u.deg, 0.4 * u.deg), "0.4 deg"), 10.0, "b")
    datasets = [whole, corner]
    background = {d.name: d.background for d in datasets}
    signals = {"crab": {d.name: d.counts * 2.0 for d in datasets}}
    images = collect_images(cube.counts.geom, datasets, background, signals)
    inside = corner.counts.data.shape[1] * corner.counts.data.shape[2]
    assert images.counts.sum() == 3 * (120 + 10 * inside)
    assert np.allclose(images.background, 0.5 * images.counts)
    assert np.allclose(images.npred, 2.5 * images.counts)
    values = images.image(images.counts)
    assert values[-1, 6] == 33.0
    assert values[0, 0] == 3.0


def test_what_is_masked_does_not_count(cube):
    dataset = filled(cube, 2.0, "a")
    mask = np.ones(dataset.counts.data.shape, dtype=bool)
    mask[:, 3, 4] = False
    mask[0, 5, 5] = False
    dataset = dataset.copy(name="a", mask_safe=dataset.mask_safe.copy(data=mask))
    images = collect_images(cube.counts.geom, [dataset], {"a": dataset.background}, {})
    image = images.image(images.counts)
    assert np.isnan(image[3, 4])
    assert image[5, 5] == 4.0
    smooth = images.smoothed(image, 0.3)
    assert np.isnan(smooth[3, 4])
    assert smooth[8, 8] == pytest.approx(6.0, rel=0.05)


def test_another_energy_axis_is_refused(cube):
    dataset = filled(cube, 1.0, "a")
    image = dataset.to_image(name="image")
    with pytest.raises(DataFormatError, match="'image' has 1 energy bins, expected 3"):
        collect_images(cube.counts.geom, [image], {"image": image.background}, {})


def test_significance_of_a_disc_by_hand():
    counts, npred = np.zeros((11, 11)), np.full((11, 11), 0.5)
    counts[5, 5], counts[5, 6], counts[0, 0] = 12.0, 3.0, 40.0
    found = correlated_significance(counts, npred, 2.0)
    mu, n = 0.5 * 13, 15.0
    assert found[5, 5] == pytest.approx(np.sqrt(2 * (mu - n + n * np.log(n / mu))))
    assert found[10, 10] == pytest.approx(-np.sqrt(2 * 0.5 * 6))
    seen = np.ones((11, 11), dtype=bool)
    seen[5, 5] = False
    assert np.isnan(correlated_significance(counts, npred, 2.0, seen)[5, 5])
    assert np.all(np.isnan(correlated_significance(counts, 0 * npred, 2.0)))


def test_noise_has_unit_width():
    rng = np.random.default_rng(3)
    npred = np.full((150, 150), 2.0)
    found = correlated_significance(rng.poisson(npred).astype(float), npred, 3.0)
    assert found.mean() == pytest.approx(0.0, abs=0.08)
    assert found.std() == pytest.approx(1.0, abs=0.06)


def test_energy_groups_leave_out_what_is_empty():
    counts = np.array([0, 4, 2, 0, 1, 0], dtype=float)[:, None]
    assert energy_groups(np.ones((6, 1), bool), counts, 3) == [slice(1, 2), slice(2, 4), slice(4, 5)]
    assert energy_groups(np.zeros((6, 1), bool), counts, 3) == []


def test_images_without_masks(cube):
    ones = np.ones(cube.counts.data.shape)
    images = CubeImages(cube.counts.geom, ones, ones)
    assert images.seen.all()
    assert images.pixel == pytest.approx(0.1, rel=1e-3)


@pytest.fixture
def source():
    return SkyModel(PowerLawSpectralModel(), PointSpatialModel("83.63 deg", "22.01 deg"), name="crab")


def free(models):
    table = models.parameter_table
    return [name for name, is_free in zip(table.names, table.free) if is_free and "crab" not in name]


def test_backgrounds_are_added_where_there_is_none(cube, source):
    a, b = filled(cube, 1.0, "a"), filled(cube, 1.0, "b")
    one = with_backgrounds(Models([source]), [a])
    assert free(one) == ["a-bkg.spectral.norm"]
    both = with_backgrounds(Models([source]), [a, b], tilt=True, priors=True)
    assert free(both) == [f"background.spectral.{p}[dataset-{d}]" for p in ("tilt", "norm") for d in "ab"]
    priors = dict(zip(both.parameter_table.names, both.parameter_table.priors))
    assert all(priors[name] is not None for name in free(both))
    own = with_backgrounds(Models([source, FoVBackgroundModel("a", name="mine")]), [a, b])
    assert free(own) == ["mine.spectral.norm", "b-bkg.spectral.norm"]
    everywhere = Models([source, FoVBackgroundModel(name="mine")])
    assert with_backgrounds(everywhere, [a, b]).names == ["crab", "mine"]
    taken = Models([SkyModel(source.spectral_model, source.spatial_model, name="background")])
    assert with_backgrounds(taken, [a, b]).names == ["background", "background-0"]
