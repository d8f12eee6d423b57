from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from log_examples import tables
from practised import scores
from toys import Size, stacked, toy

import gengap as gg
from gengap.methods.policies import DEVIATION
from gengap.methods.ppo import PPO, clipped_pull
from gengap.methods.rollouts import advantages


def test_two_states_by_hand() -> None:
    """A ratio that went far enough has no slope; else it is the advantage's pull on log π."""
    network = tables(policy=[[0, math.log(3)], [0, math.log(4)]], value=[[2.0], [5.0]])
    method = stacked([PPO(clip=0.2, entropy=0)])
    rows = {
        "x": torch.eye(2)[None],
        "action": torch.tensor([[1, 0]]),
        "advantage": torch.tensor([[7.0, 3.0]]),  # 1 and -1 when standardised
        "aim": torch.tensor([[1.0, 9.0]]),
        # They were 3/8 and 2/9 likely then, so the ratios are 2 and 0.9.
        "chance": torch.tensor([[3 / 8, 2 / 9]]).log(),
    }
    found = method.slopes(network, rows)
    pull = 0.9 * 1 / 2  # away from the second state's first action, since its advantage is -1
    wanted = torch.tensor([[0, 0], [pull * (1 - 1 / 5), -pull * 4 / 5]])
    torch.testing.assert_close(found["weight0"][0], wanted)
    torch.testing.assert_close(found["value/weight0"][0], torch.tensor([[2.0 - 1], [5.0 - 9]]) / 2)


def test_a_ratio_stops_only_where_it_is_pulled_on() -> None:
    ratio = torch.tensor([[1.3, 1.3, 0.7, 0.7, 1.1]])
    advantage = torch.tensor([[2.0, -2.0, 2.0, -2.0, 2.0]])
    found = clipped_pull(ratio, advantage, 0.2)
    torch.testing.assert_close(found, torch.tensor([[0.0, -2.6, 1.4, 0.0, 2.2]]))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_slopes_by_autograd(task: str) -> None:
    """The loss as the paper writes it, one run at a time, at ratios on both sides of the clip."""
    built = toy([PPO(clip=0.1, entropy=0.03), PPO(clip=0.3, entropy=0.01)], task, size=Size())
    draw = torch.Generator().manual_seed(0)
    n, x = 18, built.batches[0].x.flatten(1, 2)
    numbered = task == "classification"
    rows = {
        "x": x,
        "action": torch.randint(3, (2, n), generator=draw)
        if numbered
        else torch.randn(2, n, 1, generator=draw),
        "advantage": torch.randn(2, n, generator=draw),
        "aim": torch.randn(2, n, generator=draw),
        "chance": torch.full((2, n), -1.1 if numbered else -0.4),
    }
    found = built.method.slopes(built.network, rows)
    for run, (clip, entropy) in enumerate([(0.1, 0.03), (0.3, 0.01)]):
        own = {k: v[run].detach().requires_grad_() for k, v in built.network.parameters.items()}

        def said(name: str, own=own, run=run) -> torch.Tensor:  # type: ignore[no-untyped-def]
            hidden = torch.relu(x[run] @ own[f"{name}weight0"] + own[f"{name}bias0"])
            return hidden @ own[f"{name}weight1"] + own[f"{name}bias1"]

        action, wanted = rows["action"][run], rows["advantage"][run]
        if numbered:
            law = torch.distributions.Categorical(logits=said(""))
            chance, spread = law.log_prob(action), law.entropy().mean()
        else:
            log = own[DEVIATION]
            chance = (-((action - said("")) ** 2) / (2 * (2 * log).exp()) - log).sum(-1)
            spread = log.sum()
        ratio = (chance - rows["chance"][run]).exp()
        wanted = (wanted - wanted.mean()) / wanted.std(correction=0)
        gain = torch.minimum(ratio * wanted, ratio.clamp(1 - clip, 1 + clip) * wanted).mean()
        loss = F.mse_loss(said("value/")[:, 0], rows["aim"][run]) / 2 - gain - entropy * spread
        for (name, value), gradient in zip(
            own.items(), torch.autograd.grad(loss, list(own.values())), strict=True
        ):
            torch.testing.assert_close(
                found[name][run], gradient.view_as(value), rtol=1e-4, atol=1e-6, msg=name
            )


def test_advantages_by_a_plain_loop() -> None:
    """Summed forwards from each action to the end of its episode, with value after cuts only."""
    rng = np.random.default_rng(0)
    runs, length, copies, discount, trace = 2, 7, 5, 0.9, 0.8
    reward, value, later = rng.normal(size=(3, runs, length, copies)).astype(np.float32)
    end = rng.random((runs, length, copies)) < 0.2
    cut = (rng.random(end.shape) < 0.2) & ~end
    assert end.any()
    assert cut.any()
    columns = {"reward": reward, "end": end, "cut": cut, "value": value, "later": later}
    roll = {name: torch.from_numpy(values) for name, values in columns.items()}
    found = advantages(roll, discount, trace)
    for r in range(runs):
        for c in range(copies):
            for t in range(length):
                total, weight = 0.0, 1.0
                for k in range(t, length):
                    after = 0.0 if end[r, k, c] else discount * later[r, k, c]
                    total += weight * (reward[r, k, c] + after - value[r, k, c])
                    weight *= discount * trace
                    if end[r, k, c] or cut[r, k, c]:
                        break
                assert found[r, t, c] == pytest.approx(total, rel=1e-4, abs=1e-5)


def test_it_learns_small_mazes_by_heart_and_a_run_is_the_same_alone() -> None:
    levels = gg.load_suite("mazes", levels=4, size=5, starts=3)
    found = scores(levels, "ppo", [0, 1], steps=320)
    assert (found == 1).all()
    alone = scores(levels, "ppo", [1], steps=320)
    np.testing.assert_array_equal(found[1:], alone)


def test_it_steers_a_point_mass() -> None:
    """Normalised returns: 0 of random actions, 1 of a controller that knows the system."""
    levels = gg.load_suite("point-mass", levels=4, starts=4, score="normalised return")
    assert scores(levels, "ppo", [0], steps=480).mean() > 0.7
