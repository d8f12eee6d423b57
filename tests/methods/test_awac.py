from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from log_examples import ENDS, by_a_loop, follows, log, tables
from toys import stacked, toy

from gengap.methods.awac import AWAC

LOG = [(0, 1, 0.0, 1), (1, 0, 1.0, ENDS)]


def test_two_states_by_hand() -> None:
    # The policy takes either action in the first state, and the first in one case of four in the
    # second, where min Q is 4 and 8, worth 7: the advantages are 2 - 4 / 2 = 0 and 4 - 7 = -3.
    network = tables(policy=[[0, 0], [0, math.log(3)]], q1=[[2, 2], [4, 9]], q2=[[2, 3], [5, 8]])
    method = stacked([AWAC(sharpness=math.log(2), target_rate=0.1)])
    batch = log(LOG)
    state = method.initial_state(batch.context, network.parameters)
    found = method.gradients(network, batch, state)
    small = 2 ** (-3 / 1.5)  # advantages 0 and -3 have deviation 3/2
    wanted = {
        "q1/": [[0, 2 - 0.5 * 7], [4 - 1, 0]],
        "q2/": [[0, 3 - 0.5 * 7], [5 - 1, 0]],
        "": [[1 / 2, -1 / 2], [-3 / 4 * small, 3 / 4 * small]],
    }
    for name, table in wanted.items():
        torch.testing.assert_close(found[f"{name}weight0"][0], torch.tensor(table) / 2)
    follows(method, network, batch, state)


def test_gradient_by_a_loop() -> None:
    def loss(net, behind, batch, run):
        after = batch.transitions()
        x, on = batch.x[run].flatten(0, 1), after.next_x[run].flatten(0, 1)
        action, every = after.action[run].flatten(), torch.arange(len(on))
        later = torch.minimum(behind("q1", on), behind("q2", on))
        later = (net("", on).softmax(1) * later).sum(1)
        aim = (after.reward[run].flatten() + after.goes_on[run].flatten() * later).detach()
        errors = [(net(name, x)[every, action] - aim).square().mean() / 2 for name in ("q1", "q2")]
        judged = torch.minimum(net("q1", x), net("q2", x))
        better = judged[every, action] - (net("", x).softmax(1) * judged).sum(1)
        better = better.detach()
        weight = (0.5 * better / better.std(correction=0)).exp().clamp(max=100)
        cloning = F.cross_entropy(net("", x), action, reduction="none")
        return sum(errors) + (weight * cloning).mean()

    by_a_loop(toy([AWAC(sharpness=0.5)] * 2), loss)
