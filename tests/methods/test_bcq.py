from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from log_examples import ENDS, by_a_loop, follows, log, tables
from toys import stacked, toy

from gengap.methods.bcq import BCQ

LOG = [(0, 1, 0.0, 1), (1, 0, 1.0, ENDS)]
LIKELY = math.log(3)  # against 0, three quarters: the other is a third as likely


def test_two_states_by_hand() -> None:
    network = tables(runs=2, policy=[[0, 4], [2, 5]], behaviour=[[0, LIKELY], [LIKELY, 0]])
    method = stacked([BCQ(threshold=0.3, target_rate=0.1), BCQ(threshold=0.4, target_rate=0.1)])
    batch = log(LOG, runs=2)
    state = method.initial_state(batch.context, network.parameters)
    assert list(state) == ["target/weight0", "target/bias0"]
    # The first run may take the second action of the second state, worth 5; the second may not.
    found = method.gradients(network, batch, state)
    for run, later in enumerate([5, 2]):
        wanted = torch.tensor([[0, 4 - 0.5 * later], [2 - 1, 0]])
        torch.testing.assert_close(found["weight0"][run], wanted / 2)
        cloned = torch.tensor([[1 / 4, 3 / 4 - 1], [3 / 4 - 1, 1 / 4]])
        torch.testing.assert_close(found["behaviour/weight0"][run], cloned / 2)
    follows(method, network, batch, state)


def test_only_likely_actions_are_taken() -> None:
    clone = [[0, LIKELY, LIKELY - 0.1], [0, 0, 0]]
    network = tables(policy=[[9, 1, 2], [3, 1, 2]], behaviour=clone)
    said = stacked([BCQ(threshold=0.4)]).output(network, torch.eye(2)[None]).logits[0]
    assert said.argmax(1).tolist() == [2, 0]
    torch.testing.assert_close(said[1], torch.tensor([3.0, 1.0, 2.0]))
    torch.testing.assert_close(said[0, 0], torch.tensor(1 - 1 + math.log(1 / 3 / 0.4)))


def test_at_the_ends_it_clones_or_learns_freely() -> None:
    network = tables(policy=[[9, 1], [3, 1]], behaviour=[[0, LIKELY], [0, LIKELY]])
    ends = [stacked([BCQ(threshold=t)]).output(network, torch.eye(2)[None]) for t in (1.0, 0.0)]
    assert [end.logits.argmax(-1)[0].tolist() for end in ends] == [[1, 1], [0, 0]]


def test_gradient_by_a_loop() -> None:
    def loss(net, behind, batch, run):
        after = batch.transitions()
        x, on = batch.x[run].flatten(0, 1), after.next_x[run].flatten(0, 1)
        action, every = after.action[run].flatten(), torch.arange(len(on))
        chance = net("behaviour", on).softmax(1)
        chosen = []
        for place in every.tolist():
            may = [a for a in range(3) if chance[place, a] >= 0.5 * chance[place].max()]
            chosen.append(max(may, key=lambda a: float(net("", on)[place, a].detach())))
        later = behind("", on)[every, chosen]
        aim = after.reward[run].flatten() + after.goes_on[run].flatten() * later
        error = net("", x)[every, action] - aim.detach()
        return error.square().mean() / 2 + F.cross_entropy(net("behaviour", x), action)

    by_a_loop(toy([BCQ(threshold=0.5)] * 2), loss)
