"""What can be asked of records and models, one folder a question."""
