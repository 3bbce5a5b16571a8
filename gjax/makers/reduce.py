"""Running makers over many observations, in parallel, without losing all to one bad run."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gjax.datasets import Datasets, MapDataset, MapDatasetOnOff, stack_map_datasets
from gjax.maps import RegionGeom

__all__ = ["DatasetsMaker", "ReducedRun"]

log = logging.getLogger(__name__)

# Events and responses of one observation take some 3 MB: those of longer lists are not kept in memory.
KEEP_LOADED = 100


@dataclass(frozen=True)
class ReducedRun:
    """What became of one observation.

    Parameters
    ----------
    obs_id
        Number of the observation.
    dataset
        The reduced dataset; None if that failed.
    error
        Why it failed; None otherwise.
    """

    obs_id: Any
    dataset: Any = None
    error: Exception | None = None


class DatasetsMaker:
    """Run a chain of makers on every observation.

    Each observation starts from a copy of the reference dataset named after its number; parts of one observation are
    told apart as "23523", "23523-2", and so on. An observation that fails is reported and left out; only if all fail
    is an error raised.

    Parameters
    ----------
    makers
        Objects with ``run(dataset, observation) -> dataset``, applied in order.
    stack_datasets
        Whether to add the datasets up into one, named like the reference dataset.
    executor
        Where to run: an object with ``submit(function, *arguments)`` that returns futures, such as those of
        `concurrent.futures`. It is not shut down. None runs in this thread: a run takes some 20 ms, most of it in
        Python, so that threads gain nothing.
    n_jobs
        Number of worker processes to start for the time of the call, where no executor is given. Each takes about a
        second to start.
    progress
        Whether to show a progress bar (in a terminal).
    cutout_width, cutout_mode
        Maps only: each run starts from a cutout of the reference around its pointing (see
        `gjax.datasets.MapDataset.cutout`); by default as wide as twice the ``offset_max`` of a `SafeMaskMaker` among
        the makers, and without one the whole map. A run that does not overlap with the map is left out.
    outdir
        Maps only: folder to which the dataset of each run is written, as "<name>.fits". Runs whose file is there
        already are read instead of reduced, so that a reduction can be resumed.
    overwrite
        Reduce and write again what is in ``outdir``.

    Raises
    ------
    ValueError
        If there are no makers, or both executor and n_jobs are given.

    Examples
    --------
    >>> class Rename:
    ...     def run(self, dataset, observation):
    ...         return dataset.copy(name=f"run {observation.obs_id}")
    >>> from types import SimpleNamespace
    >>> from gjax.datasets import SpectrumDataset
    >>> from gjax.maps import MapAxis, RegionGeom
    >>> energy = MapAxis.from_energy_edges([1, 10], unit="TeV")
    >>> geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)", axes=[energy])
    >>> observations = [SimpleNamespace(obs_id=1), SimpleNamespace(obs_id=2)]
    >>> DatasetsMaker([Rename()]).run(SpectrumDataset.create(geom, name="empty"), observations).names
    ['run 1', 'run 2']
    """

    tag = "DatasetsMaker"

    def __init__(
        self,
        makers: Iterable[Any],
        stack_datasets: bool = False,
        executor: Any = None,
        *,
        n_jobs: int | None = None,
        progress: bool = True,
        cutout_width: Any = None,
        cutout_mode: str = "trim",
        outdir: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ):
        self.makers = tuple(makers)
        if not self.makers:
            raise ValueError("DatasetsMaker needs at least one maker")
        if executor is not None and n_jobs is not None:
            raise ValueError("give either an executor or n_jobs, not both")
        self.stack_datasets = stack_datasets
        self.executor = executor
        self.n_jobs = n_jobs
        self.progress = progress
        width = cutout_width
        if width is None:
            offsets = [maker.offset_max for maker in self.makers if "offset-max" in getattr(maker, "methods", ())]
            width = 2 * min(offsets) if offsets else None
        self.cutout_width = width
        self.cutout_mode = cutout_mode
        self.outdir = None if outdir is None else Path(os.path.expandvars(outdir)).expanduser()
        self.overwrite = overwrite

    def __repr__(self) -> str:
        return f"DatasetsMaker({list(self.makers)}, stack_datasets={self.stack_datasets})"

    def run(self, dataset: Any, observations: Iterable[Any]) -> Datasets:
        """Reduce observations.

        Parameters
        ----------
        dataset
            Reference dataset, which is not changed.
        observations
            `gjax.data.Observations`.

        Returns
        -------
        datasets
            One dataset per observation that succeeded, in order; a single one where they are stacked. Maps are
            stacked on the reference dataset.

        Raises
        ------
        ValueError
            If there are no observations.
        RuntimeError
            If all observations fail; the first error is its cause.
        """
        if self.stack_datasets and _is_map(dataset):
            # each run is added as it comes, and let go
            runs: list[ReducedRun] = []
            stacked = stack_map_datasets(dataset, self._kept(dataset, observations, runs), name=dataset.name)
            self._report(runs)
            return Datasets([stacked])
        runs = self.run_each(dataset, observations)
        self._report(runs)
        datasets = Datasets([run.dataset for run in runs if run.error is None])
        return Datasets([datasets.stack_reduce(name=dataset.name)]) if self.stack_datasets else datasets

    def _kept(self, dataset: Any, observations: Iterable[Any], runs: list[ReducedRun]) -> Iterator[Any]:
        """Reduced datasets, to be stacked on the reference; what became of the runs is noted in a list."""
        for run in self._iterate(dataset, observations):
            runs.append(ReducedRun(run.obs_id, error=run.error))
            if run.dataset is not None:
                yield run.dataset

    def _report(self, runs: list[ReducedRun]) -> None:
        """Log which runs failed; raise an error if all did."""
        failed = [run for run in runs if run.error is not None]
        if failed and len(failed) == len(runs):
            first = failed[0]
            raise RuntimeError(
                f"all {len(runs)} observations failed; observation {first.obs_id}: "
                f"{type(first.error).__name__}: {first.error}"
            ) from first.error
        if failed:
            log.error(
                "%d of %d observations failed: %s", len(failed), len(runs), ", ".join(str(r.obs_id) for r in failed)
            )

    def run_each(self, dataset: Any, observations: Iterable[Any]) -> list[ReducedRun]:
        """Reduce observations and say for each what came out; arguments as for `run`."""
        return list(self._iterate(dataset, observations))

    def _iterate(self, dataset: Any, observations: Iterable[Any]) -> Iterator[ReducedRun]:
        todo = list(observations)
        if not todo:
            raise ValueError("no observations to reduce")
        if self.n_jobs or len(todo) > KEEP_LOADED:
            todo = [one.unloaded() if hasattr(one, "unloaded") else one for one in todo]
        is_map = _is_map(dataset)
        if self.outdir is not None:
            if not is_map:
                raise ValueError(
                    f"outdir: one file per run is for maps, {dataset.name!r} is a {type(dataset).__name__}"
                )
            self.outdir.mkdir(parents=True, exist_ok=True)
        if is_map:
            # coordinates and areas of pixels are found once, and cut out with the geometry
            dataset.counts.geom.get_coord(sparse=True)
            dataset.counts.geom.solid_angle()
        steps = _Steps(
            self.makers, self.cutout_width if is_map else None, self.cutout_mode, self.outdir, self.overwrite
        )
        starts = [(dataset, name) for name in _names(todo)]
        with self._workers() as executor, self._bar(len(todo)) as bar:
            for run in _map(executor, steps, starts, todo):
                if run.error is not None:
                    log.error("observation %s: %s: %s", run.obs_id, type(run.error).__name__, run.error)
                yield run
                bar.update()

    def _bar(self, total: int) -> Any:
        # disable=None: no bar where the output is no terminal
        return tqdm(total=total, desc="Data reduction", unit="run", disable=None if self.progress else True)

    @contextmanager
    def _workers(self) -> Iterator[Any]:
        """The executor to use; one of our own is shut down afterwards."""
        if self.executor is not None or not self.n_jobs or self.n_jobs == 1:
            yield self.executor
            return
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(self.n_jobs, mp_context=get_context("spawn")) as executor:
            yield executor


def _names(observations: list[Any]) -> list[str]:
    """Different names for all observations."""
    seen: dict[str, int] = {}
    names = []
    for observation in observations:
        name = str(observation.obs_id)
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


@dataclass(frozen=True)
class _Steps:
    """What to do with each observation."""

    makers: tuple[Any, ...]
    cutout_width: Any
    cutout_mode: str
    outdir: Path | None
    overwrite: bool


def _is_map(dataset: Any) -> bool:
    return not isinstance(dataset.counts.geom, RegionGeom)


def _map(
    executor: Any, steps: _Steps, datasets: list[tuple[Any, str]], observations: list[Any]
) -> Iterator[ReducedRun]:
    """Yield the outcome of each observation, in order; let go of the observations on the way."""
    if executor is None:
        for dataset in datasets:
            yield _reduce(steps, dataset, observations.pop(0))
        return
    futures = [executor.submit(_reduce, steps, *pair) for pair in zip(datasets, observations, strict=True)]
    try:
        for future, observation in zip(futures, observations, strict=True):
            try:
                yield future.result()
            except Exception as error:  # a worker died, or what it returned cannot be sent
                yield ReducedRun(observation.obs_id, error=error)
    finally:
        for future in futures:
            future.cancel()


def _reduce(steps: _Steps, reference: tuple[Any, str], observation: Any) -> ReducedRun:
    """Run the makers on one observation, or read what an earlier call has written."""
    dataset, name = reference
    path = None if steps.outdir is None else steps.outdir / f"{name}.fits"
    try:
        if path is not None and path.exists() and not steps.overwrite:
            return ReducedRun(observation.obs_id, dataset=read_run(path, name))
        if steps.cutout_width is None:
            result = dataset.copy(name=name)
        else:
            result = dataset.cutout(
                observation.get_pointing_icrs(), steps.cutout_width, mode=steps.cutout_mode, name=name
            )
        for maker in steps.makers:
            result = maker.run(result, observation)
        if path is not None:
            result.write(path, overwrite=True)
    except Exception as error:  # whatever is wrong with one run must not end the others
        log.debug("observation %s failed", observation.obs_id, exc_info=True)
        return ReducedRun(observation.obs_id, error=error)
    return ReducedRun(observation.obs_id, dataset=result)


def read_run(path: Path, name: str) -> Any:
    """Read the dataset of a run that an earlier reduction has written.

    Parameters
    ----------
    path
        FITS file of a `gjax.datasets.MapDataset` or `gjax.datasets.MapDatasetOnOff`.
    name
        Name of the dataset.
    """
    from gjax.fits import open_fits

    with open_fits(path) as hdus:
        on_off = "COUNTS_OFF" in [hdu.name.upper() for hdu in hdus]
    return (MapDatasetOnOff if on_off else MapDataset).read(path, name=name)
