from __future__ import annotations

import torch
from log_examples import ENDS, follows, log, tables
from toys import stacked

from gengap.methods.cql import CQL
from gengap.methods.dqn_offline import OfflineDQN

# Both actions of both states: the first leads to the second state, or ends there with 1; the
# second leads back to the first state.
LOG = [(0, 0, 0.0, 1), (0, 1, 0.0, 0), (1, 0, 1.0, ENDS), (1, 1, 0.0, 0)]


def test_two_states_by_hand() -> None:
    network = tables(policy=[[1, 2], [4, 3]])
    method, batch = stacked([OfflineDQN(target_rate=0.1)]), log(LOG)
    state = method.initial_state(batch.context, network.parameters)
    state["target/weight0"] = torch.tensor([[[0.0, 6.0], [8.0, 9.0]]])
    found = method.gradients(network, batch, state)["weight0"][0]
    # The first state's second action is chosen, worth 6, and the second state's first, worth 8.
    torch.testing.assert_close(found, torch.tensor([[1 - 4, 2 - 3], [4 - 1, 3 - 3]]) / 4)
    same = stacked([CQL(penalty=0)]).gradients(network, batch, state)["weight0"][0]
    torch.testing.assert_close(found, same)
    follows(method, network, batch, state)


def test_where_all_actions_are_logged_it_finds_their_values() -> None:
    """Worth 1/2, 1/4; 1, 1/4 with a discount of 1/2."""
    network = tables(policy=[[0, 0], [0, 0]])
    method, batch = stacked([OfflineDQN(learning_rate=0.05, target_rate=0.1)]), log(LOG)
    state = method.initial_state(batch.context, network.parameters)
    optimizer = method.optimizer(network.parameters, batch.context)
    for _ in range(300):
        method.update(network, optimizer, batch, state)
    said = network(torch.eye(2)[None]).logits[0].detach()
    torch.testing.assert_close(said, torch.tensor([[0.5, 0.25], [1, 0.25]]), atol=0.01, rtol=0)
