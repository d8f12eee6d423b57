"""Makes the toys beside this file importable where the tests in ``tools`` run alone."""
