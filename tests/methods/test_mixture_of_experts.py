from __future__ import annotations

import torch
from toys import TASKS, toy

from gengap.methods.mixture_of_experts import MixtureOfExperts, consulted, routed, unevenness


def test_unevenness_by_hand() -> None:
    # Used 3 and 1 times of two: mean 2, variance 1, so 1/4. Evenly used: 0.
    share = torch.tensor([[[1.0, 0.0]] * 3 + [[0.0, 1.0]], [[0.5, 0.5]] * 4])
    torch.testing.assert_close(unevenness(share), torch.tensor([0.25, 0.0]))


def test_the_length_of_features_does_not_change_the_route() -> None:
    problem = toy([MixtureOfExperts()])
    own = dict(problem.network.parameters)
    own["router.bias"] = torch.zeros_like(own["router.bias"])
    features = problem.network(problem.batches[0].x).features.flatten(1, 2)
    torch.testing.assert_close(routed(own, features), routed(own, 7 * features))


def test_two_experts_are_asked_by_loops() -> None:
    for task in TASKS:
        problem = toy([MixtureOfExperts(balance=0.3)] * 2, task)
        batch, own = problem.batches[0], problem.network.parameters
        found = problem.method.loss(problem.network, batch, {})
        features = problem.network(batch.x).features
        for run in range(2):
            p = {name: value[run] for name, value in own.items()}
            share = routed(own, features.flatten(1, 2))[run]
            kinds = p["router.kinds"] / p["router.kinds"].norm(dim=0)
            changed = []
            for h, shares in zip(features[run].flatten(0, 1), share, strict=True):
                told = h @ p["router.weight"] + p["router.bias"][0]
                cosines = told @ kinds / told.norm()
                torch.testing.assert_close(torch.softmax(cosines / 0.2, 0), shares)
                added = torch.zeros_like(h)
                for k in shares.argsort(descending=True)[:2]:
                    first = slice(32 * k, 32 * (k + 1))
                    hidden = h @ p["experts.first.weight"][:, first]
                    hidden = (hidden + p["experts.first.bias"][0, first]).relu()
                    said = hidden @ p["experts.second.weight"][first] + p["experts.second.bias"][k]
                    added = added + shares[k] * said
                changed.append(h + added)
            logits = torch.stack(changed) @ p["head.weight"] + p["head.bias"][0]
            logits = logits.unflatten(0, (3, -1))[None].expand(2, -1, -1, -1)
            wanted = batch.risks(logits)[run].mean() + 0.3 * unevenness(share[None])[0]
            torch.testing.assert_close(found[run], wanted)


def test_experts_that_are_not_asked_get_no_gradient() -> None:
    problem = toy([MixtureOfExperts()])
    own, features = problem.network.parameters, torch.ones(1, 1, 8)
    share = torch.tensor([[[0.3, 0.25, 0.2, 0.15, 0.06, 0.04]]])
    loss = consulted(own, features, share).square().sum()
    slope = torch.autograd.grad(loss, own["experts.second.bias"])[0][0]
    assert slope[:2].any()
    assert not slope[2:].any()
