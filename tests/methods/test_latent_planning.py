"""Planning with latent dynamics: searches on a grid that is known, and what is learnt by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toys import toy

from gengap.methods.latent_planning import STEP, LatentPlanning, search, spread, views
from gengap.models.networks import MLP, Network
from gengap.testing import Size

# Right, up, left, down.
MOVES = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])


def known(runs: int = 1) -> Network:
    """Codes are places of an endless grid, and what actions make of them is known exactly."""
    p = {
        "forward/weight0": torch.cat([torch.zeros(2, 4), torch.eye(4)]),
        "forward/bias0": torch.zeros(1, 4),
        "forward/weight1": MOVES,
        "forward/bias1": torch.zeros(1, 2),
    }
    return Network(MLP((4,)), {name: value.repeat(runs, 1, 1) for name, value in p.items()}, (4,))


def test_the_shortest_ways_are_found() -> None:
    """To (2, 1) in three actions, by going right or up first; (0, 0) lies nearer than any way."""
    here, goal = torch.zeros(1, 1, 2), torch.tensor([[[2.0, 1.0]]])
    near = torch.tensor([0.5])
    found = search(known(), here, goal, near, 4, 6, 20)
    assert found.there.all()
    cost = found.cost[0, 0]
    # Of two ways of the same length to one place the first that was thought of counts.
    assert cost[0] == pytest.approx(1 + 2 * STEP)
    assert cost.argmin() == 0
    assert cost[1] == pytest.approx(2 / 0.5)  # (0, 1) is 2 away; (1, 1) was come to from the right
    assert (cost[2:] > cost[1]).all()
    short = search(known(), here, goal, near, 4, 2, 20)
    assert not short.there.any()
    assert short.cost[0, 0, 0] == pytest.approx(1 / 0.5 + STEP)


def test_searches_go_on_for_whom_they_must() -> None:
    """One is there after a step, another after five, a third never: each as if alone."""
    here = torch.zeros(2, 3, 2)
    goal = torch.tensor([[0.0, -1], [-3, 2], [40, 0]]).repeat(2, 1, 1)
    goal[1, 0] = torch.tensor([2.0, 0])
    near = torch.tensor([0.5, 0.4])
    found = search(known(2), here, goal, near, 4, 6, 12)
    assert found.there.tolist() == [[True, True, False]] * 2
    assert found.cost[0].argmin(-1).tolist() == [3, 2, 0]
    assert found.cost[:, 2].argmin(-1).tolist() == [0, 0]
    for run in range(2):
        for one in range(3):
            place = slice(run, run + 1), slice(one, one + 1)
            alone = search(known(), here[place], goal[place], near[run : run + 1], 4, 6, 12)
            torch.testing.assert_close(alone.cost[0, 0], found.cost[run, one])


def test_walls_are_gone_around() -> None:
    """On a line whose predictor cannot pass 1.5, nothing beyond is come to."""
    network = known()
    passed = network.parameters["forward/weight0"].clone()
    passed[0, 0, 0] = -10.0  # the first unit falls silent to the right of 0.1
    network.parameters["forward/weight0"] = passed
    goal = torch.tensor([[[2.0, 0.0]]])
    found = search(network, torch.zeros(1, 1, 2), goal, torch.tensor([0.5]), 4, 4, 40)
    assert not found.there.any()
    assert found.cost[0, 0].min() == pytest.approx(1 / 0.5)  # one to the right


def test_what_codes_lack_is_that_of_covariances_within_slots() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(1, 3, 5, 2)) * [0.5, 2.0] + 10 * rng.normal(size=(1, 3, 1, 2))
    within = sum(np.cov(own.T) for own in codes[0]) / 3
    vary, share = spread(torch.from_numpy(codes))
    short = np.maximum(1 - np.sqrt(np.diag(within) + 1e-4), 0)
    assert float(vary) == pytest.approx(short.mean())
    assert float(share) == pytest.approx(2 * within[0, 1] ** 2 / 2)


def test_loss_by_a_loop() -> None:
    built = toy([LatentPlanning(history=3)] * 2, size=Size(shape=(2, 3), batch=6))
    batch, p = built.batches[0], built.network.parameters
    found = built.method.loss(built.network, batch, built.state)
    past = batch.windows(3)
    for run in range(2):

        def said(name: str, x: torch.Tensor, run: int = run) -> torch.Tensor:
            hidden = torch.relu(x @ p[f"{name}/weight0"][run] + p[f"{name}/bias0"][run])
            return hidden @ p[f"{name}/weight1"][run] + p[f"{name}/bias1"][run]

        errors = []
        for slot in range(3):
            for window in range(past.x.shape[2]):
                own = run, slot, window
                code = said("encoder", past.x[own][0, 0][None])
                for step in range(3):
                    if not past.mask[own][step]:
                        break
                    wanted = said("encoder", past.x[own][step, 0][None])
                    errors.append((code - wanted).square().sum())
                    done = torch.eye(3)[past.action[own][step]][None]
                    code = code + said("forward", torch.cat([code, done], 1))
        vary, share = spread(said("encoder", batch.x[run, :, :, 0])[None])
        cloning = torch.nn.functional.cross_entropy(
            built.network(batch.x).logits[run].flatten(0, 1), batch.y[run].flatten()
        )
        total = torch.stack(errors).mean() + vary[0] + 0.1 * share[0] + cloning
        torch.testing.assert_close(found[run], total, rtol=1e-4, atol=1e-5)


def test_habit_decides_where_no_way_is_found() -> None:
    """A goal further than any way: the clone's preferences, or where it comes nearest."""
    built = toy([LatentPlanning(habit=0.5), LatentPlanning(habit=0.0)], size=Size(shape=(2, 3)))
    built.train(2)
    network = built.network.at(built.predicting())
    x = built.batches[0].x.clone()
    x[..., 1, :] = 1e4
    said = built.method.output(network, x).logits
    torch.testing.assert_close(said[0], 0.5 * network(x).logits[0])
    here, goal = views(x, 3)
    assert here.shape == goal.shape == (2, 3, 6, 3)
    assert not torch.allclose(said[1], 0 * said[1])
