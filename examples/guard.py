"""python examples/guard.py - a guard tells a digit classifier which inputs not to answer."""

import tempfile

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gengap as gg

digits = gg.load_suite("digits-writers")
X = digits.X.reshape(len(digits), -1)  # (1797, 64)
y, writer = digits.y, digits.environment
train, held_back, new = writer < 6, (writer >= 6) & (writer < 11), writer >= 11

model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
model.fit(X[train], y[train])

# The guard learns what is normal from writers that the model was not trained on.
guard = gg.Guard.fit(model, X[held_back], y[held_back], environment=writer[held_back])
print(guard)
print(guard.choice)

noise = np.random.default_rng(0).permuted(X[new], axis=1)  # the pixels of digits, shuffled
# 5% of the examples of known writers may be rejected; new writers are somewhat strange themselves.
for name, inputs in [("new writers", X[new]), ("shuffled pixels", noise)]:
    decision = guard(inputs)
    print(f"{name}: {np.mean(~decision.accept):.1%} rejected")

right = guard(X[new]).prediction == y[new]
accept = guard(X[new]).accept
print(f"accuracy on new writers: {right.mean():.1%}; where accepted: {right[accept].mean():.1%}")

bad = guard([X[new][0], X[new][1][:60], np.full(64, np.nan), noise[0]])
print("one row each:", list(bad.reason))

with tempfile.TemporaryDirectory() as folder:
    guard.save(folder)  # guard.json and guard.safetensors: nothing is ever unpickled
    again = gg.Guard.load(folder, model)
    print("loaded guard decides alike:", bool((again(X[new]).accept == accept).all()))
