"""Merges that give each model a number, or one a layer: ``θ = (1 - Σ c) θ_base + Σ c_k θ_k``."""
