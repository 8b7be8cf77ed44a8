"""Slow twins: the formulas as printed, by loops and big matrices, sharing no code."""
