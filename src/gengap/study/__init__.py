"""A study: what is planned, trained, recorded, read back and selected."""
