"""Training-time methods, one file each; a file added here is found by the registry."""
