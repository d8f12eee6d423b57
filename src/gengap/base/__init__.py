"""What everything else stands on: errors, seeds, files, the machine, the registry."""
