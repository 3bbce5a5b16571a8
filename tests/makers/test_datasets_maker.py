"""Chains of makers over several observations, in any executor, with failures."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from synthetic_observation import empty_dataset, make_aeff, make_observation

from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker

MAKERS = (SpectrumDatasetMaker(), ReflectedRegionsBackgroundMaker(), SafeMaskMaker(["aeff-max"]))


@pytest.fixture(scope="module")
def observations():
    return [make_observation(obs_id=i, seed=i, n_background=2000) for i in (11, 12, 13)]


@pytest.fixture(scope="module")
def reference(observations):
    return DatasetsMaker(MAKERS).run(empty_dataset(), observations)


def assert_same(datasets, others):
    assert datasets.names == others.names
    for one, other in zip(datasets, others, strict=True):
        np.testing.assert_array_equal(one.counts.data, other.counts.data)
        np.testing.assert_array_equal(one.counts_off.data, other.counts_off.data)
        np.testing.assert_array_equal(one.mask_safe.data, other.mask_safe.data)
        np.testing.assert_array_equal(one.exposure.data, other.exposure.data)
        np.testing.assert_array_equal(one.edisp.pdf_matrix, other.edisp.pdf_matrix)
        assert one.counts_off.geom == other.counts_off.geom


def test_each_observation_gives_a_dataset(observations, reference):
    assert reference.names == ["11", "12", "13"]
    by_hand = empty_dataset(name="11")
    for maker in MAKERS:
        by_hand = maker.run(by_hand, observations[0])
    np.testing.assert_array_equal(by_hand.counts_off.data, reference[0].counts_off.data)


def test_parts_of_one_observation_have_different_names(observations):
    observation = observations[0]
    parts = [
        observation.select_time(pair)
        for pair in ([observation.tstart, observation.tmid], [observation.tmid, observation.tstop])
    ]
    datasets = DatasetsMaker(MAKERS).run(empty_dataset(), [*parts, observations[1]])
    assert datasets.names == ["11", "11-2", "12"]
    whole = DatasetsMaker(MAKERS).run(empty_dataset(), [observation])[0]
    np.testing.assert_array_equal(datasets[0].counts.data + datasets[1].counts.data, whole.counts.data)
    np.testing.assert_allclose(datasets[0].exposure.data + datasets[1].exposure.data, whole.exposure.data)


def test_long_lists_are_not_kept_in_memory(monkeypatch):
    class Loaded:
        obs_id = 1
        given_back = False

        def unloaded(self):
            other = Loaded()
            other.given_back = True
            return other

    class Check:
        def run(self, dataset, observation):
            seen.append(observation.given_back)
            return dataset

    seen: list[bool] = []
    for limit in (3, 2):
        monkeypatch.setattr("gjax.makers.reduce.KEEP_LOADED", limit)
        assert len(DatasetsMaker([Check()]).run(empty_dataset(), [Loaded()] * 3)) == 3
    assert seen == [False] * 3 + [True] * 3


class BackwardsExecutor:
    """Runs what was submitted last first, when a result is asked for; knows nothing but submit."""

    def __init__(self):
        self.jobs = []

    def submit(self, function, *arguments):
        future = Future()
        self.jobs.append((future, function, arguments))
        result = future.result

        def run_all(timeout=None):
            while self.jobs:
                job, call, given = self.jobs.pop()
                job.set_result(call(*given))
            return result(timeout)

        future.result = run_all
        return future


def test_any_executor(observations, reference):
    assert_same(DatasetsMaker(MAKERS, executor=BackwardsExecutor()).run(empty_dataset(), observations), reference)
    with ThreadPoolExecutor(2) as executor:
        assert_same(DatasetsMaker(MAKERS, executor=executor).run(empty_dataset(), observations), reference)
        assert executor.submit(int, 3).result() == 3  # it is not shut down


def test_worker_processes(observations, reference):
    assert_same(DatasetsMaker(MAKERS, n_jobs=2).run(empty_dataset(), observations), reference)


def test_stack(observations, reference):
    (stacked,) = DatasetsMaker(MAKERS, stack_datasets=True).run(empty_dataset(name="all"), observations)
    assert stacked.name == "all"
    expected = sum((one.counts.data * one.mask_safe.data).sum() for one in reference)
    assert stacked.counts.data.sum() == expected


@pytest.mark.parametrize("threads", [False, True])
def test_one_bad_observation_does_not_spoil_the_others(observations, reference, caplog, threads):
    data = make_aeff().data.copy()
    data[3] = np.nan
    bad = make_observation(obs_id=99, aeff=make_aeff().copy(data=data))
    todo = [observations[0], bad, *observations[1:]]
    with ThreadPoolExecutor(2) as executor, caplog.at_level(logging.ERROR):
        maker = DatasetsMaker(MAKERS, executor=executor if threads else None)
        assert_same(maker.run(empty_dataset(), todo), reference)
        runs = maker.run_each(empty_dataset(), todo)
    assert "observation 99: DataFormatError" in caplog.text
    assert "1 of 4 observations failed: 99" in caplog.text
    assert [run.obs_id for run in runs] == [11, 99, 12, 13]
    assert [run.error is None for run in runs] == [True, False, True, True]
    assert runs[1].dataset is None
    assert "NaN" in str(runs[1].error)


def test_all_bad():
    class Fail:
        def run(self, dataset, observation):
            raise ZeroDivisionError("nothing works")

    with pytest.raises(
        RuntimeError, match="all 1 observations failed; observation 1: ZeroDivisionError: nothing"
    ) as info:
        DatasetsMaker([Fail()]).run(empty_dataset(), [make_observation()])
    assert isinstance(info.value.__cause__, ZeroDivisionError)


def test_interrupt_is_not_swallowed():
    class Interrupt:
        def run(self, dataset, observation):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DatasetsMaker([Interrupt()]).run(empty_dataset(), [make_observation()])


def test_bad_arguments():
    with pytest.raises(ValueError, match="at least one maker"):
        DatasetsMaker([])
    with pytest.raises(ValueError, match="not both"):
        DatasetsMaker(MAKERS, executor=BackwardsExecutor(), n_jobs=2)
    with pytest.raises(ValueError, match="no observations"):
        DatasetsMaker(MAKERS).run(empty_dataset(), [])
