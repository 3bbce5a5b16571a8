"""Reduction of many runs to maps: cutouts, stacks, files to resume from, runs that fail."""

import concurrent.futures
import logging

import astropy.units as u
import numpy as np
import pytest
from synthetic_observation import ENERGY, ENERGY_TRUE, SOURCE, empty_dataset, make_observation

from gjax.datasets import MapDataset, stack_map_datasets
from gjax.makers import DatasetsMaker, FoVBackgroundMaker, MapDatasetMaker, RingBackgroundMaker, SafeMaskMaker
from gjax.maps import WcsGeom

GEOM = WcsGeom.create(skydir=SOURCE, npix=(50, 40), binsz=0.1, proj="TAN", axes=[ENERGY])
OBSERVATIONS = [
    make_observation(obs_id=number, pointing=SOURCE.directional_offset_by(angle * u.deg, 0.5 * u.deg), seed=number)
    for number, angle in ((1, 0), (2, 90), (3, 200))
]


def reference():
    return MapDataset.create(GEOM, energy_axis_true=ENERGY_TRUE, binsz_irf="0.5 deg", name="stacked")


def makers():
    return [MapDatasetMaker(), SafeMaskMaker(methods=["offset-max"], offset_max="1.5 deg"), FoVBackgroundMaker()]


def by_hand():
    datasets = []
    for observation in OBSERVATIONS:
        dataset = reference().cutout(observation.get_pointing_icrs(), "3 deg", name=str(observation.obs_id))
        for maker in makers():
            dataset = maker.run(dataset, observation)
        datasets.append(dataset)
    return datasets


def assert_same(first, second):
    assert first.name == second.name
    for name in ("counts", "background", "exposure", "mask_safe"):
        np.testing.assert_allclose(getattr(first, name).data, getattr(second, name).data, rtol=1e-9)
    np.testing.assert_allclose(first.psf.psf_map.data, second.psf.psf_map.data, rtol=1e-9)
    np.testing.assert_allclose(first.edisp.edisp_map.data, second.edisp.edisp_map.data, rtol=1e-9)


def test_runs_are_cut_out_by_the_largest_offset():
    datasets = DatasetsMaker(makers()).run(reference(), OBSERVATIONS)
    assert datasets.names == ["1", "2", "3"]
    for found, expected in zip(datasets, by_hand(), strict=True):
        assert found.counts.geom.data_shape == (6, 30, 30)
        assert_same(found, expected)


def test_width_of_cutouts():
    datasets = DatasetsMaker(makers(), cutout_width="2 deg").run(reference(), OBSERVATIONS[:1])
    assert datasets[0].counts.geom.data_shape == (6, 20, 20)
    whole = DatasetsMaker([MapDatasetMaker(selection=["counts"])]).run(reference(), OBSERVATIONS[:1])
    assert whole[0].counts.geom.data_shape == GEOM.data_shape


def test_stack_on_the_reference():
    stacked = DatasetsMaker(makers(), stack_datasets=True).run(reference(), OBSERVATIONS)
    assert len(stacked) == 1
    assert stacked[0].counts.geom.data_shape == GEOM.data_shape
    assert_same(stacked[0], stack_map_datasets(reference(), by_hand()))
    assert stacked[0].meta_table["OBS_ID"].tolist() == [1, 2, 3]
    assert stacked[0].livetime.to_value("s") == pytest.approx(3 * 1700)


def test_on_off_runs_are_stacked_as_background():
    ring = RingBackgroundMaker("0.4 deg", "0.3 deg", exclusion_mask="icrs;circle(83.63, 22.01, 0.3)")
    stacked = DatasetsMaker([*makers()[:2], ring], stack_datasets=True).run(reference(), OBSERVATIONS)[0]
    assert isinstance(stacked, MapDataset)
    source = GEOM.to_image().region_mask("icrs;circle(83.63, 22.01, 0.3)").data
    inside = stacked.mask_safe.data & ~source
    assert stacked.background.data[inside].sum() == pytest.approx(stacked.counts.data[inside].sum(), rel=0.1)


def test_threads_give_the_same():
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        datasets = DatasetsMaker(makers(), executor=executor).run(reference(), OBSERVATIONS)
    for found, expected in zip(datasets, by_hand(), strict=True):
        assert_same(found, expected)


class Counting:
    """Counts how often it is run."""

    def __init__(self):
        self.number = 0

    def run(self, dataset, observation):
        self.number += 1
        return dataset


def test_resume_from_files(tmp_path):
    counting = Counting()
    options = {"outdir": tmp_path / "runs"}
    first = DatasetsMaker([*makers(), counting], **options).run(reference(), OBSERVATIONS[:2])
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["1.fits", "2.fits"]
    second = DatasetsMaker([*makers(), counting], **options).run(reference(), OBSERVATIONS)
    assert counting.number == 3
    assert_same(second[0], first[0])
    for name in ("bkg_norm", "bkg_norm_err"):
        assert second[0].meta[name] == pytest.approx(first[0].meta[name])
    DatasetsMaker([*makers(), counting], **options, overwrite=True).run(reference(), OBSERVATIONS)
    assert counting.number == 6
    stacked = DatasetsMaker([*makers(), counting], **options, stack_datasets=True).run(reference(), OBSERVATIONS)
    assert counting.number == 6
    assert_same(stacked[0], stack_map_datasets(reference(), by_hand()))


def test_files_are_for_maps(tmp_path):
    with pytest.raises(ValueError, match="one file per run is for maps"):
        DatasetsMaker([Counting()], outdir=tmp_path).run(empty_dataset(), OBSERVATIONS[:1])


def test_runs_that_fail_are_left_out(caplog):
    far = make_observation(obs_id=9, pointing=SOURCE.directional_offset_by(0 * u.deg, 30 * u.deg))
    broken = make_observation(obs_id=8, bkg=None)
    with caplog.at_level(logging.ERROR):
        stacked = DatasetsMaker(makers(), stack_datasets=True).run(reference(), [OBSERVATIONS[0], far, broken])[0]
    assert "observation 9" in caplog.text
    assert "overlap" in caplog.text
    assert "no response of type 'bkg'" in caplog.text
    assert "2 of 3 observations failed: 9, 8" in caplog.text
    assert stacked.meta_table["OBS_ID"].tolist() == [1]
    with pytest.raises(RuntimeError, match="all 2 observations failed"):
        DatasetsMaker(makers(), stack_datasets=True).run(reference(), [far, broken])
    with pytest.raises(RuntimeError, match="all 2 observations failed"):
        DatasetsMaker(makers()).run(reference(), [far, broken])
