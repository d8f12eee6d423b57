"""What explanations of a study print, one module for each."""
