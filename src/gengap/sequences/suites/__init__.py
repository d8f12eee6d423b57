"""Built-in families of sequence tasks, one file each; each registers itself among the suites."""
