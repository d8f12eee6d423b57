"""What the next study needs."""
