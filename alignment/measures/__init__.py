"""Measures of alignment between two similarity matrices; see `table.MEASURES`."""
