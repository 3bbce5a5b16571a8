"""What a likelihood says of its folding, and how to have it otherwise."""

import pytest
from small_cubes import LAT, LON, cube, source

import gjax
from gjax.errors import FitError
from gjax.models import GaussianSpatialModel, Models, PointSpatialModel


@pytest.fixture(scope="module")
def likelihood():
    moving = source("moving", spatial=GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg"))
    point = source("point", spatial=PointSpatialModel(f"{LON + 0.1} deg", f"{LAT} deg"))
    return gjax.Likelihood(cube(), Models([moving, point, source("still")]))


def errors(likelihood):
    lines = [line for line in likelihood.describe().splitlines() if "good to" in line]
    words = " ".join(lines).replace(",", " ").replace("(", " ").split()
    return {words[i - 2]: float(words[i + 2]) for i, word in enumerate(words) if word == "good"}


def test_methods_and_their_errors_are_told(likelihood):
    text = likelihood.describe()
    for told in ("moving (radial, good to ", "point (point, good to ", "still (fixed, good to "):
        assert told in text
    found = errors(likelihood)
    assert set(found) == {"moving", "point", "still"}
    assert all(error < 1e-2 for error in found.values())
    assert "good to" not in repr(likelihood)


def test_another_method_changes_the_statistic_by_the_error_told(likelihood):
    coarse = likelihood.with_folding({"point": "grid", "moving": "grid"})
    assert "point (grid, good to" in coarse.describe()
    # the pixel of the radial method is a square averaged over directions
    allowed = 3 * sum(errors(coarse).values()) + 0.01
    assert coarse.stat_sum() != likelihood.stat_sum()
    assert coarse.stat_sum() == pytest.approx(likelihood.stat_sum(), abs=allowed)
    back = coarse.with_folding({})
    assert back.stat_sum() == pytest.approx(likelihood.stat_sum(), abs=1e-9)


def test_a_method_that_cannot_be(likelihood):
    with pytest.raises(FitError, match="source 'moving': cannot be folded as 'fixed', only as radial or grid"):
        likelihood.with_folding({"moving": "fixed"})
    with pytest.raises(KeyError, match="stil"):
        likelihood.with_folding({"stil": "grid"})
