"""The processor's threads of a model sleep while they have nothing to do."""

import os
import subprocess
import sys

SCRIPT = """
from hub.executors.local import LocalExecutor
import os
LocalExecutor({})
print(os.environ["OMP_WAIT_POLICY"])
"""


def policy(**more):
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**environment, **more}, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_threads_of_a_served_model_do_not_spin():
    assert policy() == "PASSIVE"


def test_an_operator_may_let_them_spin():
    assert policy(OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"
