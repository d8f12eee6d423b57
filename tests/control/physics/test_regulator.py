"""The regulator against SciPy's solver of the Riccati equation."""

import numpy as np
from scipy.linalg import solve_discrete_are

from gengap.control.physics import cart_pole, pendulum, point_mass
from gengap.control.physics.regulator import gains


def solved(A: np.ndarray, B: np.ndarray, Q: np.ndarray, R: np.ndarray) -> np.ndarray:
    P = solve_discrete_are(A, B, Q, R)
    return np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)


def test_feedback_of_random_systems_is_scipys() -> None:
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(20, 4, 4)), rng.normal(size=(20, 4, 2))
    Q, R = np.diag([1.0, 2.0, 0.0, 0.5]), np.array([[1.0, 0.2], [0.2, 0.5]])
    found = gains(A, B, Q, R)
    for k in range(20):
        np.testing.assert_allclose(found[k], solved(A[k], B[k], Q, R), rtol=1e-7, atol=1e-9)


def test_feedback_of_the_systems_is_scipys() -> None:
    rng = np.random.default_rng(1)
    effort = {cart_pole: np.eye(1), pendulum: pendulum.EFFORT, point_mass: point_mass.EFFORT}
    for module, R in effort.items():
        own = {name: rng.uniform(p.lowest, p.highest, 10) for name, p in module.PARAMETERS.items()}
        A, B = module.linear(own)
        if module is cart_pole:  # acts in shares of the force
            B = B * own["force"][:, None, None]
        found = module.tuned(own)["feedback"]
        for k in range(10):
            np.testing.assert_allclose(found[k], solved(A[k], B[k], module.COST, R)[0], rtol=1e-6)
