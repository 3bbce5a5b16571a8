import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.maps import MapAxis, RegionNDMap, WcsNDMap
from gjax.models import (
    FoVBackgroundModel,
    Models,
    PiecewiseNormSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateNPredModel,
    applies_to,
    dataset_skeleton,
)
from gjax.parameters import Affine, Parameter, fill, freeze_tree


def values_of(model):
    skeleton, table = freeze_tree(model)
    return fill(skeleton, jnp.asarray(table.values))


def test_norm_and_tilt():
    model = FoVBackgroundModel("run", PowerLawNormSpectralModel(norm=1.2, tilt=0.3, reference="2 TeV"))
    energy = np.array([0.5, 2.0, 8.0])
    np.testing.assert_allclose(values_of(model).evaluate(energy), 1.2 * (energy / 2) ** -0.3)
    assert model.name == "run-bkg"
    assert FoVBackgroundModel().name == "background"
    assert FoVBackgroundModel(["a", "b"], name="both").name == "both"
    table = Models([FoVBackgroundModel("run")]).parameter_table
    assert [n for n, free in zip(table.names, table.free) if free] == ["run-bkg.spectral.norm"]
    assert not model.has_gradient


def test_a_gradient_changes_the_factor_over_the_field():
    model = FoVBackgroundModel("run", gradient_lon=0.1, gradient_lat=-0.2)
    assert model.has_gradient
    assert FoVBackgroundModel("run", gradient_lon=Parameter(0.0, "deg-1")).has_gradient
    filled = values_of(model)
    x, y = np.array([0.0, 1.0]), np.array([0.0, 2.0])
    np.testing.assert_allclose(filled.evaluate(1.0, x, y), np.exp(0.1 * x - 0.2 * y))
    skeleton, table = freeze_tree(model)
    hessian = jax.hessian(lambda t: fill(skeleton, t).evaluate(jnp.asarray(1.0), x, y).sum())(jnp.asarray(table.values))
    assert np.isfinite(hessian).all()


def test_one_model_serves_many_datasets():
    names = [f"run-{k}" for k in range(1000)]
    norm = np.linspace(0.9, 1.1, 1000)
    model = FoVBackgroundModel.for_datasets(names, norm=norm)
    skeleton, table = freeze_tree([model], names=["background"])
    assert sum(table.free) == 1000
    slots = [dataset_skeleton(model, skeleton[0], name) for name in names]
    stacked = jax.tree_util.tree_map(lambda *leaves: jnp.asarray(np.stack(leaves)), *slots)

    def factor(slot, theta):
        return fill(slot, theta).evaluate(jnp.array([1.0, 2.0]))

    found = jax.jit(jax.vmap(factor, in_axes=(0, None)))(stacked, jnp.asarray(table.values))
    np.testing.assert_allclose(found, np.stack([norm, norm], axis=1))
    with pytest.raises(KeyError, match="model 'background': no entry for dataset 'other'; there are: run-0, run-1"):
        dataset_skeleton(model, skeleton[0], "other")


def test_scalar_and_linked_parameters_are_those_of_every_dataset():
    norms = Parameter([1.0, 2.0], axes={"dataset": ["a", "b"]})
    spectrum = PowerLawNormSpectralModel(norm=Affine(norms, 2.0, 1.0), tilt=0.5)
    model = FoVBackgroundModel(["a", "b"], spectrum)
    skeleton, table = freeze_tree(model)
    for name, expected in (("a", 3.0), ("b", 5.0)):
        filled = fill(dataset_skeleton(model, skeleton, name), jnp.asarray(table.values))
        assert float(filled.evaluate(jnp.asarray(1.0))) == expected
        assert float(filled.spectral_model.tilt) == 0.5


def test_bad_factors_are_refused():
    with pytest.raises(TypeError, match="expected a spectral model, got str"):
        FoVBackgroundModel("a", "pl")
    with pytest.raises(ValueError, match="expected a dimensionless model, got a flux"):
        FoVBackgroundModel("a", PowerLawSpectralModel())
    with pytest.raises(TypeError, match="expected a spatial model, got str"):
        FoVBackgroundModel("a", spatial_model="gauss")


def counts_map(node_type="edges"):
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, node_type=node_type)
    return WcsNDMap.create(npix=3, axes=[axis]).copy(data=np.arange(18.0).reshape(2, 3, 3))


def test_templates_of_counts():
    model = TemplateNPredModel(counts_map(), PowerLawNormSpectralModel(norm=2.0, tilt=1.0), name="glow")
    expected = 2 * np.arange(18.0).reshape(2, 3, 3) / np.array([10**0.25, 10**0.75])[:, None, None]
    np.testing.assert_allclose(model.filled().evaluate(), expected)
    assert float(TemplateNPredModel(counts_map()).filled().evaluate().sum()) == 153
    skeleton, table = freeze_tree(model)
    evaluate = jax.jit(lambda s, t: fill(s, t).evaluate())
    np.testing.assert_allclose(evaluate(skeleton, jnp.asarray(table.values)), expected)
    assert applies_to(TemplateNPredModel(counts_map(), datasets_names="a-*"), "a-1")


def test_bad_templates_of_counts_are_refused():
    with pytest.raises(TypeError, match="expected a map, got int"):
        TemplateNPredModel(3)
    with pytest.raises(ValueError, match="expected an axis 'energy' with edges"):
        TemplateNPredModel(counts_map("center"))
    with pytest.raises(ValueError, match="expected an axis 'energy' with edges, got"):
        TemplateNPredModel(WcsNDMap.create(npix=3))
    with pytest.raises(ValueError, match="not finite"):
        TemplateNPredModel(counts_map().copy(data=np.full((2, 3, 3), np.nan)))
    with pytest.raises(ValueError, match="got a flux"):
        TemplateNPredModel(counts_map(), PowerLawSpectralModel())


def test_region_maps_are_templates_too():
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    region = RegionNDMap.create("icrs;circle(0,0,1)", axes=[axis]).copy(data=[[[1.0]], [[2.0]]])
    assert TemplateNPredModel(region).filled().evaluate().shape == (2, 1, 1)


def test_backgrounds_in_model_files(tmp_path):
    counts_map().write(tmp_path / "glow.fits")
    nodes = PiecewiseNormSpatialModel([0, 1, 0, 1] * u.deg, [0, 0, 1, 1] * u.deg, norms=[1, 2, 3, 4])
    models = Models(
        [
            SkyModel(PowerLawSpectralModel(), name="source"),
            FoVBackgroundModel.for_datasets(["a", "b"], norm=[0.9, 1.1]),
            FoVBackgroundModel("c", gradient_lon=Parameter(0.1, "deg-1")),
            FoVBackgroundModel("d", spatial_model=nodes),
            TemplateNPredModel.read(tmp_path / "glow.fits", name="glow", datasets_names="c"),
        ]
    )
    assert [m.name for m in models.backgrounds] == ["background", "c-bkg", "d-bkg", "glow"]
    models.write(tmp_path / "models.yaml")
    back = Models.read(tmp_path / "models.yaml")
    assert back.to_dict() == models.to_dict()
    assert back.parameter_table.names == models.parameter_table.names
    np.testing.assert_array_equal(back.parameter_table.values, models.parameter_table.values)
    np.testing.assert_array_equal(back.parameter_table.free, models.parameter_table.free)
    np.testing.assert_array_equal(back["glow"].counts, models["glow"].counts)
    assert back["background"].datasets_names == ("a", "b")


def test_norms_at_nodes():
    lon, lat = np.array([359.0, 1.0, 359.0, 1.0, 0.2]), np.array([-1.0, -1.0, 1.0, 1.0, 0.1])
    model = PiecewiseNormSpatialModel(lon, lat, norms=[1.0, 2.0, 3.0, 4.0, 5.0], frame="galactic")
    np.testing.assert_allclose(model(lon, lat).value, [1, 2, 3, 4, 5], rtol=1e-5)
    assert model(0, 0).unit == ""
    flat = PiecewiseNormSpatialModel(lon, lat)
    np.testing.assert_allclose(flat([0, 3], [0, 5]).value, 1.0, rtol=1e-9)
    factor = values_of(FoVBackgroundModel("a", spatial_model=model)).evaluate(
        jnp.ones((2, 1)), sky=(jnp.asarray(lon), jnp.asarray(lat))
    )
    np.testing.assert_allclose(factor, [[1, 2, 3, 4, 5]] * 2, rtol=1e-5)
    with pytest.raises(ValueError, match="the spatial model needs positions"):
        values_of(FoVBackgroundModel("a", spatial_model=model)).evaluate(jnp.ones(2))
    with pytest.raises(ValueError, match="expected at least four nodes"):
        PiecewiseNormSpatialModel([0, 1, 2], [0, 1, 0])
    with pytest.raises(ValueError, match="nodes lie on a line or on each other"):
        PiecewiseNormSpatialModel([0, 1, 2, 3], [0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"norms: axes .* need shape"):
        PiecewiseNormSpatialModel(lon, lat, norms=[1, 2])


def test_norms_at_nodes_as_gammapy_writes_them():
    rows = [{"name": f"norm_{k}", "value": 1.0 + k, "frozen": True} for k in range(4)]
    spatial = {
        "type": "PiecewiseNormSpatialModel",
        "frame": "icrs",
        "parameters": rows,
        "lon": {"data": [0.0, 1.0, 0.0, 1.0], "unit": "deg"},
        "lat": {"data": [0.0, 0.0, 60.0, 60.0], "unit": "arcmin"},
    }
    component = {"type": "FoVBackgroundModel", "datasets_names": ["a"], "spatial": spatial}
    (model,) = Models.from_dict({"components": [component]})
    np.testing.assert_array_equal(model.spatial_model.norms.value, [1, 2, 3, 4])
    assert model.spatial_model.norms.frozen
    np.testing.assert_allclose(model.spatial_model.lat, [0, 0, 1, 1])
    rows[1]["frozen"] = False
    with pytest.raises(ValueError, match="all together only"):
        Models.from_dict({"components": [component]})
