r"""Why a model does worse in an environment that it has not seen: the gap in parts, one per cause.

*Pairs.* In a leave-one-out study the gap of environment e is the mean, over the environments k that
its model was trained on, of the difference of mean losses :math:`E_e[l] - E_k[l]`. Each pair is
decomposed by itself, and the parts are averaged. So a part is zero wherever no pair of environments
differs in its cause, whatever else differs between them. (Against all training rows pooled, an
environment that is as noisy as its nearest neighbour would seem to have moved its inputs.)

*Shared inputs.* With input densities p of k and q of e, the shared distribution S has a density
proportional to :math:`pq / (p + q)`: it lies where both are (T. T. Cai, H. Namkoong & S. Yadlowsky,
Diagnosing model performance under distribution shift, 2023, arXiv:2303.02011). If
:math:`s(x) = q / (p + q)` is the chance that a row is of e rather than of k, S weighs rows of k by
s and rows of e by 1 - s. These weights never exceed 1, so nothing needs to be trimmed; they are the
overlap weights of F. Li, K. L. Morgan & A. M. Zaslavsky (Journal of the American Statistical
Association 113 (2018), 390-400). With :math:`\mu_D(x) = E_D[l | x]`,

.. math:: E_e[l] - E_k[l] = [(E_S\mu_k - E_k\mu_k) + (E_e\mu_e - E_S\mu_e)]
          + E_S[\mu_e - \mu_k].

The first bracket is what **inputs** make of it, the second what the same inputs lose. The second is
zero where the target depends on inputs alike, the first where inputs are alike. One classifier of
all environments, cross-fitted, gives s for every pair: :mod:`.membership`. Losses are centred at
their cross-fitted expectation given x (:mod:`.expected`), so that an error of s biases only as far
as that expectation is wrong too.

*Relation or noise.* What e's own rows can teach about its relation, a correction of the reference
fitted on some of them and scored on the others has learnt (:mod:`.own`). Its loss o is what remains
when the relation is known: the part of o in :math:`E_S[\mu_e - \mu_k]` is **noise**, and the part
of :math:`l - o` **relation**. Both environments have a correction of their own, fitted on equally
many rows, so that what it fails to learn cancels where environments are alike. What it cannot
express counts as noise.

*Shares of classes.* Where classes have other shares but look alike, both inputs and relation move.
All environments are then given the same shares c by weights, and what that changes is the part of
the shares: :math:`(E_e - E_e^c)[l] - (E_k - E_k^c)[l]`; the rest is decomposed under c. Where
inputs move and the relation stays, shares move too, as a consequence, and doing so would invent a
changed relation. Which of the two it is, shows in what tells environments apart better, the class
or the inputs: if classes look alike everywhere, inputs tell of the environment through the class
only, and so no more than it, and conversely (the data processing inequality). One decision for all
environments, by the held-out log loss; see :mod:`.shares`.

*Cost.* The cost of unseen is the mean of :math:`d = l - l_r`, with :math:`l_r` the loss of the
reference, over rows of e, which is :math:`E_k[d]` and the gap of d. The gap of d is decomposed in
the same way. Noise has no part in it: of a squared or 0-1 loss, d is linear in the target, or in
its probabilities, so it does not matter how much of it cannot be known. :math:`E_k[d]`, the
**dilution**, is what the training environments lose because the reference gives a share of its
examples to e; mostly little. What is in the gap and not in the cost is difficulty.

*Limits.* Per environment from the influence of each row, or of each cluster of rows, with s and
expected losses taken as known, and degrees of freedom after Satterthwaite, few where few rows have
the say. Over all environments with environments as unit, as :mod:`gengap.statistics.source` derives
for models that share training data.
"""
