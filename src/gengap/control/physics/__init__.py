"""Physical systems, each as pure functions on arrays of states, with a context of its own a row."""
