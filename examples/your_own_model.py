"""python examples/your_own_model.py - what an unseen place costs your own scikit-learn model."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

import gengap as gg

rng = np.random.default_rng(0)
place = rng.integers(0, 8, 2400)  # (n,) where each row came from
signal = rng.normal(size=2400)
device = place + 0.1 * rng.normal(size=2400)  # each place has its own device,
effect = np.array([2, 1, 2, -1, 1, -1, 2, 1])[
    place
]  # and what the signal means differs between them
X = np.column_stack([signal, device])  # (n, 2)
y = (effect * signal + 0.5 * rng.normal(size=2400) > 0).astype(int)  # (n,)

result = gg.measure(RandomForestClassifier(n_estimators=50), X, y, environment=place)
print(result.answer)
print(result.gaps[["environment", "unseen", "reference", "cost_of_unseen", "cost_low"]])
