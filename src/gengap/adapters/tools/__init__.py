"""What several adapters share; no adapter is in here."""
