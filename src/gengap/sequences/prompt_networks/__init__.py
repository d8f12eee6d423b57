"""Models of prompts, one file each."""
