"""Figures: dots and intervals in rows, and diagrams, as SVG."""
