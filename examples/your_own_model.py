"""python examples/your_own_model.py - what an unseen place costs your own scikit-learn model."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

import gengap as gg

rng = np.random.default_rng(0)
place = rng.integers(0, 8, 2400)  # (n,) where each row came from
habit = rng.normal(size=8)[place]  # each place has its own habit, visible in one feature
X = np.column_stack([rng.normal(size=2400), habit + rng.normal(size=2400)])  # (n, 2)
y = (X[:, 0] + X[:, 1] - habit + rng.normal(size=2400) > 0).astype(int)  # (n,)

result = gg.measure(RandomForestClassifier(n_estimators=50), X, y, environment=place)
print(result.answer)
print(
    result.gaps[["environment", "unseen", "reference", "cost_of_unseen", "cost_low", "cost_high"]]
)
