"""Whether somebody read what they answered: rules, their reference, and one judgment.

Everything but `reading.py` and `runs.py` is pure: it takes one session's evidence and
the study's reference, needs the standard library alone, and gives the same verdict
whenever it is run again.
"""
