"""Map axes: edges and centres, coordinates, derived axes, tables."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from gjax.errors import DataFormatError, UnitError
from gjax.maps import MapAxes, MapAxis


def test_energy_bounds_per_decade():
    axis = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True)
    # np.geomspace(0.1, 40, 28): the bins of the published H.E.S.S. Crab analysis
    assert axis.nbin == 27
    np.testing.assert_allclose(axis.edges.value[[0, 1, -2, -1]], [0.1, 0.124845414, 32.0396231, 40.0], rtol=1e-8)
    np.testing.assert_allclose(axis.center.value, np.sqrt(axis.edges_min.value * axis.edges_max.value))
    assert (axis.name, axis.interp, str(axis.unit)) == ("energy", "log", "TeV")


@pytest.mark.parametrize(("low", "high", "nbin"), [("0.01 TeV", "100 TeV", 40), ("1 GeV", "1 TeV", 30)])
def test_per_decade_counts_full_decades_exactly(low, high, nbin):
    assert MapAxis.from_energy_bounds(low, high, nbin=10, per_decade=True).nbin == nbin


def test_bounds_take_quantities_strings_and_numbers():
    axes = [
        MapAxis.from_energy_bounds("100 GeV", "10 TeV", 2),
        MapAxis.from_energy_bounds(0.1 * u.TeV, 10 * u.TeV, 2),
        MapAxis.from_energy_bounds(0.1, 10, 2, unit="TeV"),
        MapAxis.from_energy_edges(["0.1 TeV", "1 TeV", "10 TeV"]),
    ]
    assert all(axis.unit == u.TeV and axis == axes[0] for axis in axes)


def test_centers_give_edges_half_way_in_the_scale():
    log = MapAxis.from_nodes([1, 10, 100], interp="log", unit="TeV", name="energy_true")
    np.testing.assert_allclose(log.edges.value, 10 ** np.array([-0.5, 0.5, 1.5, 2.5]))
    lin = MapAxis.from_nodes([0, 1, 3], unit="deg", name="offset")
    np.testing.assert_allclose(lin.edges.value, [-0.5, 0.5, 2, 4])
    single = MapAxis.from_nodes([0.4], unit="deg", name="offset")
    np.testing.assert_allclose(single.edges.value, [-0.1, 0.9])


@pytest.mark.parametrize("interp", ["lin", "log", "sqrt"])
def test_pix_and_coord_are_inverse(interp):
    axis = MapAxis.from_bounds(1, 50, 7, interp=interp, name="x")
    pix = np.linspace(-2 if interp == "log" else -0.5, 9, 23)
    np.testing.assert_allclose(axis.coord_to_pix(axis.pix_to_coord(pix)), pix, atol=1e-12)
    np.testing.assert_allclose(axis.coord_to_pix(axis.center), np.arange(7), atol=1e-12)


def test_bins_are_closed_below_and_open_above():
    axis = MapAxis([1, 2, 3], name="energy", unit="TeV")
    coord = [0.5, 1, 1.5, 2, 2.999, 3, np.nan, np.inf]
    assert axis.coord_to_idx(coord).tolist() == [-1, 0, 0, 1, 1, -1, -1, -1]
    assert axis.coord_to_idx(coord, clip=True).tolist() == [0, 0, 0, 1, 1, 1, -1, 1]
    assert axis.coord_to_idx([1500, 2500] * u.GeV).tolist() == [0, 1]
    with pytest.raises(UnitError, match=r"'energy' is in 'TeV', got coordinates in 'deg'"):
        axis.coord_to_idx(1 * u.deg)


def test_upsample_downsample_slice_squash():
    axis = MapAxis.from_energy_bounds("1 TeV", "100 TeV", 4)
    fine = axis.upsample(3)
    assert fine.nbin == 12
    assert fine.downsample(3) == axis
    np.testing.assert_array_equal(fine.edges[::3], axis.edges)
    assert axis.slice(slice(1, 3)).nbin == 2
    assert axis.squash().bounds.value.tolist() == axis.bounds.value.tolist()
    with pytest.raises(ValueError, match="4 bins cannot be grouped by 3"):
        axis.downsample(3)
    assert axis.downsample(3, strict=False).nbin == 2
    nodes = MapAxis.from_nodes([0, 1, 2], name="offset")
    assert nodes.upsample(2).center.value.tolist() == [0, 0.5, 1, 1.5, 2]
    assert nodes.slice(slice(0, 2)).center.value.tolist() == [0, 1]
    with pytest.raises(ValueError, match="contiguous"):
        axis.slice(slice(0, 4, 2))


def test_group_table_rounds_to_the_nearest_edges():
    axis = MapAxis.from_energy_bounds("1 TeV", "100 TeV", 8)
    groups = axis.group_table([2, 10, 40] * u.TeV)
    assert groups["bin_type"].tolist() == ["underflow", "normal", "normal", "overflow"]
    assert groups["idx_min"].tolist() == [0, 1, 4, 6]
    assert groups["idx_max"].tolist() == [0, 3, 5, 7]
    np.testing.assert_allclose(groups["energy_min"], axis.edges[[0, 1, 4, 6]].value)
    with pytest.raises(ValueError, match="no overlap"):
        axis.group_table([200, 300] * u.TeV)


@pytest.mark.parametrize(
    ("nodes", "kwargs", "message"),
    [
        ([2, 1], {}, "strictly increasing"),
        ([1, 1], {}, "strictly increasing"),
        ([1, np.nan], {}, "finite"),
        ([0, 1], {"interp": "log"}, "positive"),
        ([1], {}, "at least two edges"),
        ([1, 2], {"interp": "cubic"}, "interp is 'cubic'"),
        ([1, 2], {"node_type": "middle"}, "node_type"),
    ],
)
def test_bad_nodes(nodes, kwargs, message):
    with pytest.raises(ValueError, match=message):
        MapAxis(nodes, name="energy", **kwargs)


def test_wrong_units():
    with pytest.raises(UnitError, match="expected a unit like 'TeV'"):
        MapAxis([1, 2] * u.deg, unit="TeV", name="energy")
    with pytest.raises(UnitError, match="expected an energy"):
        MapAxis.from_energy_edges([1, 2] * u.deg)
    with pytest.raises(ValueError, match="'energy' or 'energy_true'"):
        MapAxis.from_energy_bounds("1 TeV", "2 TeV", 1, name="e")


def test_axis_is_immutable_and_does_not_touch_its_input():
    nodes = np.array([1.0, 2.0])
    axis = MapAxis(nodes)
    nodes[0] = 0.5
    assert axis.edges[0].value == 1
    with pytest.raises(ValueError, match="read-only"):
        axis.edges[0] = 0
    with pytest.raises(AttributeError):
        axis.name = "other"


def test_equality_converts_units():
    tev = MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3)
    gev = tev.to_unit("GeV")
    assert gev.unit == u.GeV
    assert tev == gev
    assert hash(tev) == hash(gev)
    assert tev != tev.rename("energy_true")
    assert tev != MapAxis.from_energy_bounds("1 TeV", "11 TeV", 3)
    assert tev != MapAxis.from_bounds(1, 10, 3, "log", "deg", "energy")


@pytest.mark.parametrize("format", ["ogip", "ogip-sherpa", "gadf"])
def test_table_round_trip(format):
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3)
    table = MapAxes([axis]).to_table(format) if format == "gadf" else axis.to_table(format)
    back = MapAxis.from_table(table, "gadf" if format == "gadf" else "ogip")
    assert back == axis
    assert back.unit == (u.keV if format == "ogip-sherpa" else u.TeV)


def test_dl3_tables():
    axes = MapAxes(
        [
            MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3, name="energy_true"),
            MapAxis.from_nodes([0, 1, 2], unit="deg", name="offset"),
        ]
    )
    table = axes.to_table("gadf-dl3")
    back = {axis.name: axis for axis in MapAxes.from_table(table, "gadf-dl3")}
    assert back["energy_true"] == axes[0]
    assert back["offset"] == axes["offset"]
    table.meta["HDUCLAS2"] = "BKG"
    assert MapAxis.from_table(table, "gadf-dl3", column_prefix="ENERG").name == "energy"
    with pytest.raises(DataFormatError, match="no column 'RAD_LO'"):
        MapAxis.from_table(table, "gadf-dl3", column_prefix="RAD")


def test_two_axes_in_one_bands_table():
    axes = MapAxes([MapAxis([1, 2, 3], name="energy", unit="TeV"), MapAxis([0, 1, 5], name="offset", unit="deg")])
    table = axes.to_table()
    assert len(table) == 4
    assert table["ENERGY"].tolist() == [1.5, 1.5, 2.5, 2.5]
    assert MapAxes.from_table(table) == axes


def test_unknown_format():
    with pytest.raises(ValueError, match="unknown axis format"):
        MapAxis.from_table(Table(), "nonsense")


def test_axes_container():
    energy, offset = MapAxis([1, 2, 3], name="energy", unit="TeV"), MapAxis([0, 1], name="offset", unit="deg")
    axes = MapAxes([energy, offset])
    assert axes["offset"] is axes[1] is offset
    assert "energy" in axes
    assert energy in axes
    assert axes.squash("energy").shape == (1, 1)
    assert axes.drop("offset").names == ["energy"]
    assert axes.rename_axes(["energy"], ["energy_true"]).names == ["energy_true", "offset"]
    assert axes.bin_volume().unit == u.TeV * u.deg
    assert axes.slice_by_idx({"energy": slice(1, 2)})["energy"].edges.value.tolist() == [2, 3]
    with pytest.raises(KeyError, match="no axis named 'rad'"):
        axes["rad"]
    with pytest.raises(ValueError, match="unique"):
        MapAxes([energy, energy])
    with pytest.raises(ValueError, match="expected the axes"):
        axes.assert_names(["energy"])
