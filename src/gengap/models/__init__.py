"""Networks, and how to read features, logits and heads off any torch or scikit-learn model."""
