"""python examples/make_scores.py - writes examples/scores.csv: 8 classifiers, 14 unseen writers.

Each classifier is trained on two thirds of the digits of 13 writers, drawn anew per seed, and
scored by its accuracy on all digits of the 14th. The CSV is a table to rank and compare methods on:

    gengap compare examples/scores.csv
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import gengap as gg

CLASSIFIERS = {
    "logistic regression": lambda seed: LogisticRegression(max_iter=200, tol=1e-3),
    "linear discriminant": lambda seed: LinearDiscriminantAnalysis(),
    "naive Bayes": lambda seed: GaussianNB(var_smoothing=1e-2),
    "1 neighbour": lambda seed: KNeighborsClassifier(1),
    "5 neighbours": lambda seed: KNeighborsClassifier(5),
    "support vectors": lambda seed: SVC(),
    "random forest": lambda seed: RandomForestClassifier(50, random_state=seed),
    "extra trees": lambda seed: ExtraTreesClassifier(50, random_state=seed),
}

digits = gg.load_suite("digits-writers")
X = digits.X.reshape(len(digits), -1)  # (1797, 64)
rows = []
for code, writer in enumerate(digits.names):
    test = digits.environment == code
    for seed in range(5):
        rng = np.random.default_rng([code, seed])
        train = rng.permutation(np.flatnonzero(~test))[: 2 * int(np.sum(~test)) // 3]
        for method, make in CLASSIFIERS.items():
            model = make(seed).fit(X[train], digits.y[train])
            score = float(model.score(X[test], digits.y[test]))
            rows.append((method, writer, seed, round(score, 4)))

scores = pd.DataFrame(rows, columns=["method", "environment", "seed", "score"])
scores.to_csv(Path(__file__).with_name("scores.csv"), index=False)
table = scores.pivot_table(index="method", columns="environment", values="score")
print(table.mean(axis=1).sort_values(ascending=False).round(4).to_string())
