"""Built-in families of levels, one file each; each registers itself among the suites."""
