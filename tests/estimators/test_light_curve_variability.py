"""Variability of light curves: beside Gammapy 2.1, and Bayesian blocks."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time

from gjax.data import GTI, EventList
from gjax.datasets import LightCurve
from gjax.estimators import (
    bayesian_blocks,
    compute_lightcurve_chisq,
    compute_lightcurve_discrete_correlation,
    compute_lightcurve_doublingtime,
    compute_lightcurve_fpp,
    compute_lightcurve_fvar,
    compute_lightcurve_structure_function,
)

ZERO = Time("2020-01-01", scale="tt")
FLUX = u.Unit("cm-2 s-1")


def make(values, error=0.1, **more):
    values = np.asarray(values, dtype=float).reshape(len(values), -1)
    start = ZERO + np.arange(len(values)) * u.h
    bands = values.shape[1]
    return LightCurve.from_arrays(
        "flux",
        time_min=start,
        time_max=start + 1 * u.h,
        e_min=np.geomspace(1, 10, bands + 1)[:-1] * u.TeV,
        e_max=np.geomspace(1, 10, bands + 1)[1:] * u.TeV,
        flux=values * FLUX,
        flux_err=error * np.ones(values.shape) * FLUX,
        **more,
    )


# Values: Gammapy 2.1 on its light curve of the flare of PKS 2155-304 in three bands.
@pytest.mark.data
class TestRealFlare:
    @pytest.fixture(autouse=True)
    def _read(self, gammapy_data):
        self.lightcurve = LightCurve.read(gammapy_data / "estimators/pks2155_hess_lc/pks2155_hess_lc_3bins.fits")

    def test_excess_variance(self):
        table = compute_lightcurve_fvar(self.lightcurve)
        np.testing.assert_allclose(table["fvar"], [0.54266798771, 0.64855348903, 0.77318269032], rtol=1e-10)
        np.testing.assert_allclose(table["fvar_err"], [0.01935006271, 0.04255731634, 0.14735106374], rtol=1e-9)
        np.testing.assert_allclose(table["min_energy"].to_value("TeV"), [0.59150305, 1.29345401, 2.82842712], rtol=1e-7)

    def test_point_to_point(self):
        # without the factor 1/2, which Gammapy leaves out, its value comes back
        flux, error = self.lightcurve.flux.value, self.lightcurve.flux_err.value
        mean, noise = flux.mean(axis=0), (error**2).mean(axis=0)
        ours = (compute_lightcurve_fpp(self.lightcurve)["fpp"] * mean) ** 2 + noise
        theirs = np.sqrt(2 * ours - noise) / mean
        np.testing.assert_allclose(theirs, [0.24625807732, 0.39098873051, 0.83178305194], rtol=1e-9)

    def test_doubling(self):
        table = compute_lightcurve_doublingtime(self.lightcurve)
        np.testing.assert_allclose(table["doublingtime"].to_value("h")[:2], [0.24742419376, 0.08756183716], rtol=1e-9)
        np.testing.assert_allclose(table["doubling_err"].to_value("h")[:2], [0.12137171652, 0.04322774285], rtol=1e-9)
        np.testing.assert_allclose(table["halvingtime"].to_value("h")[:2], [0.19906320988, 0.08618432227], rtol=1e-9)
        np.testing.assert_allclose(table["halving_err"].to_value("h")[:2], [0.06719670707, 0.04110605753], rtol=1e-9)
        np.testing.assert_allclose(table["doubling_coord"].mjd[:2], 53945.99728222223, atol=1e-9)

    def test_structure_function(self):
        table = compute_lightcurve_structure_function(self.lightcurve)
        expected = [0.17478182388, 0.00838273545, 0.00038537876]
        np.testing.assert_allclose(table["structure_function"].value[0] * 1e20, expected, rtol=1e-7)
        np.testing.assert_allclose(table["distance"].to_value("d")[:2], [0.00694, 0.01389])

    def test_correlation(self):
        found = compute_lightcurve_discrete_correlation(self.lightcurve, tau=0.02 * u.d)
        assert found["discrete_correlation"].shape == (24, 3)
        np.testing.assert_allclose(
            found["discrete_correlation"][[3, 11]],
            [[-1.01809948267, -1.02680908945, -1.08217722391], [0.88296272643, 0.87086598138, 0.69029131401]],
            rtol=1e-9,
        )
        expected = [0.14713444213, 0.16054858063, 0.13855431620]
        np.testing.assert_allclose(found["discrete_correlation_err"][11], expected, rtol=1e-9)
        np.testing.assert_allclose(found["bins"].to_value("d")[:2], [-0.23, -0.21])


class TestTables:
    def test_failed_points_do_not_count(self):
        good = make([[1, 2], [2, 3], [3, 2], [2, 4]])
        flags = np.ones((5, 2), bool)
        flags[2, 0] = False
        values = np.insert(good.flux.value, 2, [1e5, 3], axis=0)
        table = compute_lightcurve_fvar(make(values, success=flags))
        assert table["fvar"][0] == pytest.approx(compute_lightcurve_fvar(good)["fvar"][0])
        assert compute_lightcurve_chisq(make(values, success=flags))["ndf"].tolist() == [3, 4]

    def test_constant_flux(self):
        rng = np.random.default_rng(3)
        table = compute_lightcurve_chisq(make(5 + rng.normal(0, 0.1, 200)))
        assert 0.001 < table["p_value"][0] < 0.999
        assert table["mean"].unit == FLUX
        assert compute_lightcurve_chisq(make(5 + rng.normal(0, 0.2, 200)))["p_value"][0] < 1e-6

    def test_default_width_of_lags(self):
        found = compute_lightcurve_discrete_correlation(make(np.sin(np.arange(40))))
        np.testing.assert_allclose(np.diff(found["bins"]).to_value("h"), 2 * 39 / 40)
        with pytest.raises(ValueError, match="tau: expected a positive time"):
            compute_lightcurve_discrete_correlation(make([1, 2, 3]), tau=0 * u.d)

    def test_errors_are_needed(self):
        bare = make([1, 2, 3])
        bare = bare.copy(norms={"norm": bare.norms["norm"]})
        with pytest.raises(ValueError, match="no symmetric errors"):
            compute_lightcurve_fvar(bare)
        with pytest.raises(ValueError, match="no symmetric errors"):
            bayesian_blocks(bare)


class TestBlocks:
    def test_steps_of_a_light_curve(self):
        rng = np.random.default_rng(4)
        values = np.repeat([2.0, 6.0, 3.0], [10, 5, 12]) + rng.normal(0, 0.3, 27)
        values[3] = np.nan
        lightcurve = make(np.stack([values, np.ones(27)], axis=1), 0.3)
        blocks = bayesian_blocks(lightcurve)
        assert blocks["number"].tolist() == [9, 5, 12]
        np.testing.assert_allclose((blocks["time_min"] - ZERO).to_value("h"), [0, 10, 15], atol=1e-6)
        np.testing.assert_allclose((blocks["time_max"] - ZERO).to_value("h"), [10, 15, 27], atol=1e-6)
        np.testing.assert_allclose(blocks["flux"].value, [2, 6, 3], atol=0.4)
        np.testing.assert_allclose(blocks["flux_err"].value, 0.3 / np.sqrt([9, 5, 12]))
        assert bayesian_blocks(lightcurve, band=1)["number"].tolist() == [27]

    def test_events_with_a_pause(self):
        # 1 Hz for 200 s, a pause of an hour, 1 Hz for 100 s and 5 Hz for 60 s
        rng = np.random.default_rng(5)
        parts = [rng.uniform(0, 200, 200), 3800 + rng.uniform(0, 100, 100), 3900 + rng.uniform(0, 60, 300)]
        seconds = np.sort(np.concatenate(parts))
        gti = GTI.create([0, 3800] * u.s, [200, 3960] * u.s, ZERO)
        blocks = bayesian_blocks(_events(seconds), gti=gti)
        assert len(blocks) == 2
        np.testing.assert_allclose(blocks["rate"].to_value("Hz"), [1, 5], rtol=0.15)
        change = (blocks["time_max"][0] - ZERO).to_value("s")
        assert change == pytest.approx(3900, abs=3)
        assert blocks["counts"].sum() == 600
        assert blocks["livetime"].sum().to_value("s") == pytest.approx(360)
        assert (blocks["time_max"][1] - ZERO).to_value("s") == pytest.approx(3960)

    def test_what_cannot_be_divided(self):
        with pytest.raises(TypeError, match="expected a LightCurve or an EventList, got list"):
            bayesian_blocks([1, 2])
        with pytest.raises(ValueError, match="p0: expected a probability"):
            bayesian_blocks(make([1, 2, 3]), p0=0)
        with pytest.raises(ValueError, match="1 points with a flux"):
            bayesian_blocks(make([1, np.nan, np.nan]))
        with pytest.raises(ValueError, match="good time of the events is needed"):
            bayesian_blocks(_events(np.arange(5.0)))
        with pytest.raises(ValueError, match="0 events in the good time"):
            bayesian_blocks(_events(np.arange(5.0)), gti=GTI.create(100 * u.s, 200 * u.s, ZERO))


def _events(seconds):
    from gjax.data.times import time_ref_to_meta

    columns = {"TIME": seconds * u.s, "ENERGY": np.ones(len(seconds)) * u.TeV}
    columns |= {"RA": np.zeros(len(seconds)) * u.deg, "DEC": np.zeros(len(seconds)) * u.deg}
    return EventList(Table(columns, meta=time_ref_to_meta(ZERO)))
