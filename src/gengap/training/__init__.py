"""The fleet: many runs of one method and architecture, trained as one program."""
