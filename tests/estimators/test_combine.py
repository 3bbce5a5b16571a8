"""One map from several."""

import numpy as np
import pytest

from gjax.estimators import FluxMaps, combine_flux_maps, combine_significance_maps
from gjax.maps import Map, MapAxis
from gjax.models import PowerLawSpectralModel
from gjax.stats import ts_to_sigma

AXIS = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)


def made(norm, error, ts, model=None, npix=2):
    empty = Map.create(npix=npix, binsz=1, axes=[AXIS])
    values = {"norm": norm, "norm_err": error, "ts": ts, "npred_excess": 10 * np.asarray(norm), "flag": 0.0}
    data = {name: np.broadcast_to(value, empty.data.shape).astype(float) for name, value in values.items()}
    return FluxMaps({name: empty.copy(data=value) for name, value in data.items()}, model)


def test_means_of_fluxes():
    first, second = made(1.0, 0.3, 12.0), made(2.0, 0.4, 26.0)
    mean = combine_flux_maps([first, second])
    weight = np.array([1 / 0.09, 1 / 0.16])
    expected = (weight * [1, 2]).sum() / weight.sum()
    np.testing.assert_allclose(mean["norm"].data, expected)
    np.testing.assert_allclose(mean["norm_err"].data, weight.sum() ** -0.5)
    # what the TS of the maps have beyond those of normal errors
    beyond = 12 - 1 / 0.09 + 26 - 4 / 0.16
    np.testing.assert_allclose(mean["ts"].data, expected**2 * weight.sum() + beyond)
    # another reference is another norm of the same flux
    steep = PowerLawSpectralModel(index=3, amplitude="1e-11 cm-2 s-1 TeV-1")
    again = combine_flux_maps([first, second.copy(reference_model=steep)])
    np.testing.assert_allclose(again["dnde"].data, mean["dnde"].data, rtol=1e-12)


def test_pixels_that_a_map_lacks():
    hole = np.ones((2, 2, 2))
    hole[0, 0, 0] = np.nan
    mean = combine_flux_maps([made(hole, hole, hole), made(3.0, 1.0, 9.0)])
    assert mean["norm"].data[0, 0, 0] == 3
    assert mean["norm"].data[1, 1, 1] == 2
    nothing = combine_flux_maps([made(hole, hole, hole), made(hole, hole, hole)])
    assert np.isnan(nothing["norm"].data).sum() == 1
    assert nothing["success"].data.sum() == 7


def test_significances_together():
    images = combine_significance_maps([made(1.0, 0.3, 9.0), made(-1.0, 0.3, 1.0)])
    np.testing.assert_allclose(images["significance"].data, ts_to_sigma(20.0, 4))
    np.testing.assert_array_equal(images["df"].data, 4)
    np.testing.assert_allclose(images["npred_excess"].data, 0)
    faint = combine_significance_maps([made(1.0, 0.3, 1.0), made(-1.0, 0.3, 9.0)])
    np.testing.assert_allclose(faint["significance"].data, -ts_to_sigma(20.0, 4))
    bright = combine_significance_maps([made(1.0, 0.3, 5000.0), made(1.0, 0.3, 5000.0)])
    # nearly the root of the TS, where probabilities are below the smallest number
    np.testing.assert_allclose(bright["significance"].data, 20000**0.5, rtol=1e-3)


def test_impossible():
    one = made(1.0, 0.3, 9.0)
    for function in (combine_flux_maps, combine_significance_maps):
        with pytest.raises(ValueError, match="at least two"):
            function([one])
        with pytest.raises(ValueError, match="same pixels"):
            function([one, made(1.0, 0.3, 9.0, npix=3)])
        with pytest.raises(ValueError, match="no ts"):
            function([one, one.copy(maps={"norm": one["norm"], "norm_err": one["norm"], "npred_excess": one["norm"]})])
