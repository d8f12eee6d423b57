"""How well scores separate two groups of examples, and what rejecting by them buys."""
