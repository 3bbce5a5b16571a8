"""The same questions asked of every spatial model."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pixel_grids import image_pixels, image_wcs
from scipy.special import j0

import gjax.models
from gjax.errors import ConfigError, UnitError
from gjax.models import (
    AbstractSpatialModel,
    ConstantFluxSpatialModel,
    ConstantSpatialModel,
    DiskSpatialModel,
    GaussianSpatialModel,
    GeneralizedGaussianSpatialModel,
    Models,
    PiecewiseNormSpatialModel,
    PointSpatialModel,
    PowerLawSpectralModel,
    Shell2SpatialModel,
    ShellSpatialModel,
    SkyModel,
    spatial_models,
)
from gjax.parameters import Affine, GaussianPrior, Parameter, fill, freeze_tree, parameter, parameter_paths


class StripeSpatialModel(AbstractSpatialModel):
    """A model that a user would write."""

    tag = "test-stripe"
    width: Parameter = parameter("1 deg", "deg", min=0.01)

    def evaluate(self, lon, lat):
        return jnp.exp(-0.5 * (lat / self.width) ** 2) + 0 * lon


#: One ordinary point of every model.
PLACE = {"lon_0": 0.013, "lat_0": 40.017}
CASES = {
    "point": PointSpatialModel(**PLACE),
    "gauss": GaussianSpatialModel(**PLACE, sigma=0.08, e=0.6, phi=30.0),
    "disk": DiskSpatialModel(**PLACE, r_0=0.1, e=0.6, phi=30.0, edge_width=0.3),
    "gauss-general": GeneralizedGaussianSpatialModel(**PLACE, r_0=0.1, eta=0.6, e=0.6, phi=30.0),
    "shell": ShellSpatialModel(**PLACE, radius=0.06, width=0.04),
    "shell2": Shell2SpatialModel(**PLACE, r_0=0.1, eta=0.4),
    "const": ConstantSpatialModel(2.0),
    "const-flux": ConstantFluxSpatialModel(),
    "piecewise-norm": PiecewiseNormSpatialModel(
        lon=[359.8, 359.8, 0.2, 0.2, 0.0], lat=[39.8, 40.2, 39.8, 40.2, 40.0], norms=[1.0, 1.1, 0.9, 1.2, 1.3]
    ),
    "test-stripe": StripeSpatialModel(20.0),
}
NAMES = list(CASES)
SHAPES = [name for name in NAMES if hasattr(CASES[name], "radial_transform")]

#: Where formulas divide by zero, and where people put sources. Pixels have a centre at (0, 40).
PLACES = [{"lon_0": 0.0, "lat_0": 40.0}, {"lon_0": 0.0, "lat_0": 40.02}, {"lon_0": 360.0}, {"lat_0": 90.0}]
SPECIAL = {
    "point": PLACES,
    "gauss": [*PLACES, {"sigma": 0.0}, {"e": 0.0}, {"e": 1.0}, {"sigma": 0.0, "e": 0.0, "lon_0": 0.0, "lat_0": 40.0}],
    "disk": [*PLACES, {"r_0": 0.0}, {"e": 0.0}, {"e": 1.0}, {"edge_width": 0.0}, {"r_0": 0.0, "edge_width": 0.0}],
    "gauss-general": [*PLACES, {"r_0": 0.0}, {"eta": 1.0}, {"eta": 0.01}, {"e": 0.0}, {"eta": 0.5, "e": 1.0}],
    "shell": [*PLACES, {"width": 0.0}, {"radius": 0.0}, {"radius": 0.0, "width": 0.0}],
    "shell2": [*PLACES, {"r_0": 0.0}, {"eta": 1.0}, {"eta": 0.02}],
    "const": [{"value": 0.0}],
    "const-flux": [],
    "piecewise-norm": [{"norms[node-0]": 0.0}],
    "test-stripe": [{"width": 100.0}],
}

WCS = image_wcs("TAN", 0.0, 40.0, binsz=0.05, npix=11)
PIXELS = image_pixels(WCS, npix=11, oversampling=2)
WAVES = jnp.array([0.0, 0.3, 2.0, 9.0, 40.0])
LON, LAT = np.array([0.0, 0.013, 0.2, 359.9, 0.013]), np.array([40.0, 40.017, 39.9, 40.1, 90.0])


class Frozen:
    """A model as one compiled function of its flat vector: values, gradients, second derivatives of everything."""

    def __init__(self, model):
        skeleton, self.table = freeze_tree(model)

        def everything(theta, pixels):
            filled = fill(skeleton, theta)
            parts = [filled.integrate_pixels(pixels)[2:9, 2:9].ravel()]
            if hasattr(filled, "radial_transform"):
                parts += [filled.radial_transform(WAVES, 12), filled.unit_vector("galactic")]
            return jnp.concatenate(parts)

        def density(theta):
            return fill(skeleton, theta).evaluate(LON, LAT).sum()

        def mean(theta, pixels):
            values = everything(theta, pixels)
            return (values * weights).sum(), values

        def first(theta, pixels):
            slope, values = jax.grad(mean, has_aux=True)(theta, pixels)
            return (values, slope), (values, slope)

        def second(theta, pixels):
            (jacobian, hessian), (values, slope) = jax.jacfwd(first, has_aux=True)(theta, pixels)
            # a derivative of the density that is not finite shows in the gradient, however small its weight
            return values, jacobian + 0.0 * jax.grad(density)(theta), slope, hessian

        size = jax.eval_shape(everything, jnp.asarray(self.table.values), PIXELS).shape
        weights = np.random.default_rng(42).uniform(0.5, 1.5, size)
        together = jax.jit(jax.vmap(everything, in_axes=(0, None)))
        one_by_one = jax.jit(lambda thetas, pixels: jax.lax.map(lambda t: second(t, pixels), thetas))
        self.together = lambda thetas: together(thetas, PIXELS)
        self.second = lambda thetas: _padded(one_by_one, thetas)

    def theta(self, **changes):
        theta = self.table.values.copy()
        for name, value in changes.items():
            theta[self.table.names.index(name)] = value
        return theta


def _padded(function, thetas, number=32):
    """Call with a number of rows that is the same every time, so that one program serves all."""
    found = function(np.concatenate([thetas, np.tile(thetas[-1:], (number - len(thetas), 1))]), PIXELS)
    return [np.asarray(part)[: len(thetas)] for part in found]


@pytest.fixture(scope="module")
def frozen():
    made = {}

    def get(name):
        if name not in made:
            made[name] = Frozen(CASES[name])
        return made[name]

    return get


def test_every_registered_model_is_covered():
    assert set(spatial_models()) >= set(CASES)
    public = {
        cls.tag
        for cls in vars(gjax.models).values()
        if inspect.isclass(cls) and issubclass(cls, AbstractSpatialModel) and not inspect.isabstract(cls)
    }
    assert public - {"template"} == set(CASES) - {"test-stripe"}  # templates have tests of their own
    assert set(SPECIAL) == set(CASES)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_what_the_single_calls_are(frozen, name):
    f = frozen(name)
    thetas = np.stack([f.theta() * (1 + 1e-4 * k) for k in range(3)])
    together = f.together(thetas)
    for row, theta in zip(together, thetas):
        np.testing.assert_allclose(row, f.second(theta[None])[0][0], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "const-flux"])
def test_derivatives(frozen, name):
    """Gradients are those of differences, second derivatives finite, everywhere where people put sources."""
    f = frozen(name)
    n = len(f.table.values)
    points = np.stack([f.theta(), *(f.theta(**changes) for changes in SPECIAL[name])])
    step = np.diag([1e-5 if name.startswith(("lon", "lat")) else 1e-6 for name in f.table.names])
    for point in points:
        values, jacobians, *_ = f.second(np.concatenate([point + step, point - step, point + 2 * step, point[None]]))
        assert np.isfinite(jacobians[-1]).all(), point
        if name == "shell" and point[2] == point[3] == 0:
            continue  # the ratio of the radii has no derivative where both are zero
        up, down, far = values[: 3 * n].reshape(3, n, -1)
        numerical = (
            np.where((point <= f.table.bounds[0])[:, None], (4 * up - far - 3 * values[-1]) / 2, (up - down) / 2)
            / np.diag(step)[:, None]
        )
        for i, label in enumerate(f.table.names):
            np.testing.assert_allclose(
                jacobians[-1][:, i],
                numerical[i],
                rtol=2e-5,
                atol=2e-6 * max(1.0, np.abs(numerical[i]).max()),
                err_msg=f"{label} at {point}",
            )
    *_, slopes, hessians = f.second(np.concatenate([points, points[0] + step, points[0] - step]))
    assert np.isfinite(slopes).all()
    assert np.isfinite(hessians).all()
    around = slopes[len(points) :]
    numerical = (around[:n] - around[n:]) / (2 * np.diag(step)[:, None])
    np.testing.assert_allclose(hessians[0], numerical, rtol=1e-3, atol=1e-5 * max(1.0, np.abs(hessians[0]).max()))


@pytest.mark.parametrize("name", SHAPES)
def test_zero_width_is_the_point(name):
    zero = {"sigma": 0.0, "r_0": 0.0, "radius": 0.0, "width": 0.0}
    skeleton, table = freeze_tree(CASES[name])
    theta = np.array([zero.get(label, value) for label, value in zip(table.names, table.values)])
    model = fill(skeleton, jnp.asarray(theta))
    np.testing.assert_allclose(model.radial_transform(WAVES, 64), 1.0, atol=1e-7)
    np.testing.assert_allclose(model.evaluate(LON[2:4], LAT[2:4]), 0.0, atol=1e-12)
    assert np.isfinite(model.evaluate(*(jnp.asarray(PLACE[k])[None] for k in ("lon_0", "lat_0")))).all()


@pytest.mark.parametrize("name", [n for n in SHAPES if n != "point"])
@pytest.mark.parametrize("growth", [1.0, 5.0])
def test_radial_transforms_are_those_of_the_profile(name, growth):
    """Also where the shape is much larger than the structure that is asked for: no rings."""
    skeleton, table = freeze_tree(CASES[name])
    sizes = ("sigma", "r_0", "radius", "width")
    theta = np.array([value * (growth if label in sizes else 1) for label, value in zip(table.names, table.values)])
    theta[[label == "e" for label in table.names]] = 0.0
    model = fill(skeleton, jnp.asarray(theta))
    s = np.linspace(0, 12.0, 1200001)
    weight = np.asarray(model.profile(s)) * 2 * np.pi * np.sin(np.radians(s)) * np.radians(s[1])
    assert weight.sum() == pytest.approx(1, abs=2e-4)
    wavenumber = np.array([0.0, 0.5, 3.0, 10.0, 30.0, 80.0])
    expected = [(j0(q * s) * weight).sum() for q in wavenumber]
    nodes = 64 if growth == 1.0 else 256
    np.testing.assert_allclose(model.radial_transform(jnp.asarray(wavenumber), nodes), expected, atol=4e-4)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision(name):
    skeleton, table = freeze_tree(CASES[name])
    double = np.asarray(fill(skeleton, jnp.asarray(table.values)).integrate_pixels(PIXELS))
    with jax.enable_x64(False):
        skeleton, table = freeze_tree(CASES[name])
        pixels = jax.tree_util.tree_map(lambda part: jnp.asarray(np.asarray(part, np.float32)), PIXELS)

        def flux(t):
            return fill(skeleton, t).integrate_pixels(pixels)

        def mean(t):
            return (flux(t) * weights).sum()

        def both(t):
            return flux(t), jax.hessian(mean)(t) if name in ("gauss", "shell") else jax.grad(mean)(t)

        weights = jnp.asarray(np.random.default_rng(42).uniform(0.5, 1.5, double.shape), jnp.float32)
        single, slope = jax.jit(both)(jnp.asarray(table.values))
        assert single.dtype == slope.dtype == jnp.float32
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=2e-3 * double.max())
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", [n for n in NAMES if n != "piecewise-norm"])
def test_units_are_converted_or_refused_by_the_name_of_the_field(name):
    cls = type(CASES[name])
    for field, leaf in parameter_paths(CASES[name]):
        with pytest.raises(UnitError, match=rf"{cls.__name__}\.{field}: .*'K'"):
            cls(**{field: "3 K"})
        with pytest.raises(ValueError, match=rf"{cls.__name__}\.{field}"):
            cls(**{field: float("nan")})
        text, expected = {"deg": ("6 arcmin", 0.1), "sr-1": ("2 sr-1", 2.0)}.get(leaf.unit, ("0.5", 0.5))
        assert getattr(cls(**{field: text}), field).value == pytest.approx(expected)
    with pytest.raises(UnitError, match="lon"):
        CASES[name]("3 s", "0 deg")
    with pytest.raises(ValueError, match="frame: expected one of icrs, galactic, got 'fk5'"):
        cls(frame="fk5")
    assert CASES[name]("0 deg", "2400 arcmin").unit == "sr-1"


@pytest.mark.parametrize("name", NAMES)
def test_model_files_keep_everything(tmp_path, name):
    model = CASES[name]
    found = parameter_paths(model)
    models = Models([SkyModel(PowerLawSpectralModel(), model, name="one")])
    if found:
        rich = found[0][1].replace(frozen=True, prior=GaussianPrior(0.5, 2.0), scale=0.1, label="shared")
        other = SkyModel(PowerLawSpectralModel(), PointSpatialModel(lat_0=1.0, frame="galactic"), name="two")
        models = Models([*models, other]).replace_parameters({id(found[0][1]): rich})
        if rich.unit == "deg":
            link = {id(other.spatial_model.lon_0): Affine(rich, 1.0, 0.25)}
            models = models.replace_parameters(link)
    path = tmp_path / "models.yaml"
    models.write(path)
    back = Models.read(path)
    ours, theirs = models.parameter_table, back.parameter_table
    assert theirs.names == ours.names
    for column in ("values", "free", "units", "priors"):
        np.testing.assert_array_equal(getattr(theirs, column), getattr(ours, column), err_msg=column)
    np.testing.assert_array_equal(theirs.bounds, ours.bounds)
    assert back.to_dict() == models.to_dict()
    lon, lat = [0.0, 0.1], [40.0, 40.1]
    np.testing.assert_allclose(
        back["one"].spatial_model(lon, lat).value, models["one"].spatial_model(lon, lat).value, rtol=1e-13
    )
    assert [m.spatial_model.frame for m in back] == [m.spatial_model.frame for m in models]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "gaus"}, "spatial model 'gaus' is unknown; there are: .*gauss"),
        ({"sigma": 3}, "unknown key 'sigma'"),
        ({"parameters": [{"name": "width", "value": 1}]}, "GaussianSpatialModel has no parameter 'width'"),
        ({"frame": "fk5"}, "frame: expected one of"),
        ({"type": "TemplateSpatialModel"}, "no filename given"),
    ],
)
def test_broken_model_files_are_refused(change, message):
    spatial = {"type": "gauss", "frame": "icrs", "parameters": [], **change}
    component = {"name": "a", "type": "SkyModel", "spectral": {"type": "pl"}, "spatial": spatial}
    with pytest.raises(ConfigError, match=f"models: component a.*{message}"):
        Models.from_dict({"components": [component]})


def test_sky_models_refuse_what_is_no_shape():
    with pytest.raises(TypeError, match=r"SkyModel.spatial_model: expected a spatial model, got str"):
        SkyModel(PowerLawSpectralModel(), "gauss")
    with pytest.raises(ValueError, match="unknown response 'aeff'"):
        SkyModel(PowerLawSpectralModel(), apply_irf={"aeff": False})


def test_a_name_in_use_is_not_replaced():
    with pytest.raises(ValueError, match="the name 'gauss' is taken by the model gjax"):
        type("Mine", (AbstractSpatialModel,), {"tag": "gauss", "evaluate": lambda self, lon, lat: lon})


def test_symmetry_is_that_of_every_possible_fit():
    assert GaussianSpatialModel().is_radial
    assert not GaussianSpatialModel(e=0.5).is_radial
    assert not GaussianSpatialModel(e=Parameter(0.0)).is_radial
    assert ShellSpatialModel().is_radial
    assert not ConstantSpatialModel().is_radial


def test_extents_hold_the_flux():
    for name in SHAPES[1:]:
        skeleton, table = freeze_tree(CASES[name])
        theta = np.array([0.0 if label == "e" else value for label, value in zip(table.names, table.values)])
        s = np.linspace(0, CASES[name].extent(), 100001)
        profile = np.asarray(fill(skeleton, jnp.asarray(theta)).profile(s))
        inside = (profile * 2 * np.pi * np.sin(np.radians(s)) * np.radians(s[1])).sum()
        assert inside == pytest.approx(1, abs=1e-3)
    assert CASES["point"].extent() == 0.0


def test_outlines():
    point = CASES["point"].to_region()
    assert point.center.separation(CASES["point"].position).deg < 1e-12
    ellipse = GaussianSpatialModel(**PLACE, sigma=0.1, e=0.6, phi=30.0).to_region(size_factor=2)
    assert (ellipse.height.to_value("deg"), ellipse.width.to_value("deg")) == pytest.approx((0.4, 0.32))
    assert ellipse.angle.to_value("deg") == 30
    ring = CASES["shell2"].to_region()
    assert (ring.inner_radius.to_value("deg"), ring.outer_radius.to_value("deg")) == pytest.approx((0.06, 0.1))
    moved = DiskSpatialModel.from_position(point.center.galactic, r_0="0.2 deg")
    assert moved.frame == "galactic"
    assert moved.position.separation(point.center).deg < 1e-9
