"""What makes examples hard."""
