"""Datasets spread over devices: virtual ones of one process, and two processes that talk to each other."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_cubes import cube, source

import gjax

SCRIPT = Path(__file__).with_name("on_devices.py")


def run(*commands):
    environment = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # as in conftest.py
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    started = [subprocess.Popen([sys.executable, SCRIPT, *command], **options) for command in commands]
    answers = []
    for process in started:
        out, error = process.communicate(timeout=600)
        assert process.returncode == 0, error
        answers.append(json.loads(out.splitlines()[-1]))
    return answers


def check(answer, devices):
    assert answer["devices"] == devices
    # the sums over datasets, and nothing else, cross the devices
    assert answer["collectives"] == {"all-reduce": 1, "all-gather": 0, "all-to-all": 0}
    assert answer["success"] == [True, True]
    for key, tolerance in (("statistic", 1e-12), ("fitted", 1e-12), ("gradient", 1e-9), ("covariance", 1e-9)):
        alone, spread = (np.array(value) for value in answer[key])
        np.testing.assert_allclose(spread, alone, rtol=tolerance, atol=tolerance * np.abs(alone).max(), err_msg=key)


def test_four_virtual_devices():
    (answer,) = run(["virtual"])
    check(answer, 4)


def test_two_processes():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for answer in run(*(["process", address, str(number)] for number in range(2))):
        check(answer, 2)


def test_no_device_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        gjax.Likelihood(cube(), source()).on_devices([])
