"""Lanes that take the next task when they end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.inference import run_lanes


@jax.jit
def count_down(numbers):
    """Halve each number until it is below 1; count steps per task and evaluations in all."""
    return run_lanes(
        numbers,
        start=lambda number: (number, jnp.asarray(0)),
        advance=lambda number, state: (state[0] / 2, state[1] + 1),
        is_done=lambda state: state[0] < 1,
        width=3,
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_every_task_ends_once(size):
    numbers = np.random.default_rng(size).uniform(1, 1000, size)
    last, steps = count_down(jax.device_put(numbers))
    np.testing.assert_array_equal(steps, np.floor(np.log2(numbers)) + 1)
    np.testing.assert_allclose(last, numbers / 2.0 ** np.asarray(steps))


def test_slow_tasks_do_not_hold_up_the_others():
    """One task of 100 steps and 60 of 2: the two other lanes do the 60 meanwhile, in 100 rounds of three."""
    lengths = np.full(61, 2)
    lengths[0] = 100
    evaluations = []

    def advance(length, state):
        jax.debug.callback(lambda _: evaluations.append(1), state[0])
        return state[0] + 1, length

    @jax.jit
    def run(lengths):
        return run_lanes(
            lengths,
            start=lambda length: (jnp.asarray(0), length),
            advance=advance,
            is_done=lambda state: state[0] >= state[1],
            width=3,
        )

    steps, _ = run(jax.device_put(lengths))
    jax.effects_barrier()
    np.testing.assert_array_equal(steps, lengths)
    # all at once would be 100 rounds of 61, one after the other 220
    assert len(evaluations) == 300
