import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.models._sphere import (
    chord2,
    chord2_of_separation,
    equal_area_plane,
    equal_area_plane_of_vectors,
    position_in_frame,
    rotation_matrix,
    tangent_basis,
    unit_vectors,
)


@pytest.fixture(scope="module")
def sky():
    rng = np.random.default_rng(42)
    return rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))


@pytest.mark.parametrize(("frame", "to"), [("icrs", "galactic"), ("galactic", "icrs")])
def test_frames_are_those_of_astropy(sky, frame, to):
    expected = SkyCoord(*sky, unit="deg", frame=frame).transform_to(to).spherical
    lon, lat = position_in_frame(*sky, frame, to)
    difference = (np.asarray(lon) - expected.lon.deg + 180) % 360 - 180
    np.testing.assert_allclose(difference, 0, atol=1e-9)
    np.testing.assert_allclose(lat, expected.lat.deg, atol=1e-9)
    np.testing.assert_allclose(unit_vectors(lon, lat), rotation_matrix(frame, to) @ unit_vectors(*sky), atol=1e-14)
    assert position_in_frame(1.0, 2.0, "icrs", "icrs") == (1.0, 2.0)
    with pytest.raises(ValueError, match="frame: expected one of icrs, galactic, got 'fk5'"):
        rotation_matrix("icrs", "fk5")


def test_frame_derivatives_are_finite_at_the_poles():
    pole = position_in_frame(0.0, 90.0, "galactic", "icrs")
    jacobian = jax.jacfwd(lambda p: jnp.stack(position_in_frame(p[0], p[1], "icrs", "galactic")))(jnp.stack(pole))
    assert np.isfinite(jacobian).all()


def test_chords_are_those_of_separations(sky):
    lon, lat = sky
    expected = SkyCoord(lon, lat, unit="deg").separation(SkyCoord(359.9, -12, unit="deg")).deg
    found = np.degrees(2 * np.arcsin(np.sqrt(chord2(lon, lat, 359.9, -12.0)) / 2))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(chord2_of_separation(expected**2), chord2(lon, lat, 359.9, -12.0), rtol=1e-9)
    assert float(chord2(360.0 + 1e-7, 0.0, 0.0, 0.0)) == pytest.approx(np.radians(1e-7) ** 2, rel=1e-6)


def test_the_plane_keeps_areas_and_angles_at_the_centre(sky):
    centre = SkyCoord(359.9, -12, unit="deg")
    place = SkyCoord(*sky, unit="deg")
    east, north = (np.asarray(part) for part in equal_area_plane(*sky, 359.9, -12.0))
    np.testing.assert_allclose(np.hypot(east, north), 2 * np.sin(centre.separation(place).rad / 2), rtol=1e-9)
    angle = centre.position_angle(place).rad
    np.testing.assert_allclose(np.mod(np.arctan2(east, north), 2 * np.pi), np.mod(angle, 2 * np.pi), atol=1e-8)
    other = equal_area_plane_of_vectors(unit_vectors(*sky), 359.9, -12.0)
    np.testing.assert_allclose(np.stack(other), np.stack([east, north]), atol=1e-12)

    def area(lon, lat):
        jacobian = jax.jacfwd(lambda p: jnp.stack(equal_area_plane(p[0], p[1], 359.9, -12.0)))(jnp.stack([lon, lat]))
        return jnp.abs(jnp.linalg.det(jacobian)) / jnp.cos(jnp.radians(lat)) / jnp.radians(1.0) ** 2

    np.testing.assert_allclose(jax.vmap(area)(*sky), 1.0, rtol=1e-6)


@pytest.mark.parametrize("lat", [90.0, -90.0, 0.0])
def test_the_basis_is_orthogonal_at_the_poles_too(lat):
    basis = jnp.stack(tangent_basis(30.0, lat))
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-15)
    assert float(jnp.linalg.det(basis)) == pytest.approx(1.0)


@pytest.mark.parametrize("point", [(0.0, 0.0), (360.0, 45.0), (10.0, 90.0), (180.0, -90.0)])
def test_second_derivatives_are_finite_on_the_centre(point):
    def both(p):
        plane = jnp.stack(equal_area_plane(*point, p[0], p[1]))
        return jnp.append(plane, chord2(*point, p[0], p[1]))

    hessian = jax.hessian(both)(jnp.asarray(point))
    assert np.isfinite(hessian).all()
    if point[1] == 0:
        assert float(hessian[2, 1, 1]) == pytest.approx(2 * np.radians(1) ** 2)
