"""Detectors that need a network trained for them, on inliers only.

Each module names a training-time loss, what it makes of an input (``outputs``) and ``train``, which
trains a small network and fits the post-hoc detector that belongs to it:

    trained = hypo.train(X, y)
    trained.score(X_new)                                # larger is stranger
    KNN().fit(trained.outputs(X, y))                    # or any other detector on its features

``flowcon`` leaves the network alone and trains a density of its features, so it is a detector like
those of the parent package; ``unleashing_mask`` makes a trained network forget.
"""
