"""A fit walks into the minimum it starts near, and tells if there is one at a larger size."""

import re

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from small_cubes import LAT, LON, cube, source

import gjax
from gjax.maps import WcsNDMap
from gjax.models import GaussianSpatialModel


def crowded(compact, around):
    """Photons of a compact source, and of a ring of emission 0.7 deg away."""
    empty = cube(width=2.4, source_counts=0)
    coord = empty.counts.geom.to_image().get_coord().skycoord
    distance = coord.separation(SkyCoord(LON, LAT, unit="deg")).deg.reshape(empty.data_shape[1:])
    images = [np.exp(-0.5 * ((distance - at) / 0.1) ** 2) for at in (0.0, 0.7)]
    mean = sum(n * image / image.sum() for n, image in zip((compact, around), images))
    drawn = np.random.default_rng(5).poisson(mean * np.array([0.7, 0.2, 0.1])[:, None, None])
    return empty.copy(counts=WcsNDMap.from_geom(empty.counts.geom, data=empty.counts.data + drawn), name="cube")


def gauss(**changes):
    spatial = GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.02 deg")
    return source(spatial=spatial, **changes)


@pytest.fixture(scope="module")
def likelihood():
    return gjax.Likelihood(crowded(60, 600), gauss())


def size_of(result):
    return float(result.models["source"].spatial_model.sigma.value)


def test_a_larger_size_that_is_better_is_told(likelihood):
    near = likelihood.fit()
    assert near.success
    assert size_of(near) < 0.1
    found = re.search(
        r"there is another minimum: source\.spatial\.sigma = ([\d.]+) deg is better by ([\d.]+)", near.message
    )
    assert found, near.message
    wanted, gain = (float(number) for number in found.groups())
    best = gjax.Likelihood(likelihood.datasets, near.models.with_values({"source.spatial.sigma": wanted})).fit()
    assert best.message == "the gradient vanishes"
    assert size_of(best) == pytest.approx(0.595, abs=0.02)
    assert near.total_stat - best.total_stat > gain > 100


def test_a_batch_goes_on_to_it(likelihood):
    fits = likelihood.fit_many([{}])
    assert fits.best.success
    assert size_of(fits.best) == pytest.approx(0.595, abs=0.02)
    assert fits.converged[0]
    assert fits.message == "0 of 1 starts end at the best minimum, 1 at other minima"


def test_bounds_are_kept(likelihood):
    result = likelihood.with_models(likelihood.models.with_bounds({"source.spatial.sigma": (0.0, 0.06)})).fit()
    assert result.message.startswith("the gradient vanishes")
    assert size_of(result) <= 0.06
    assert "another minimum" not in result.message


def test_a_compact_source_stays():
    result = gjax.Likelihood(crowded(400, 0), gauss()).fit()
    assert result.message == "the gradient vanishes"
    assert size_of(result) < 0.12


def test_a_source_without_a_free_norm_is_left_alone(likelihood):
    result = likelihood.freeze("source.spectral.amplitude").fit()
    assert result.success
    assert "another minimum" not in result.message
