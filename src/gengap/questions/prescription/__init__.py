"""What to do about the cost of unseen environments: remedies that fit its causes, measured."""
