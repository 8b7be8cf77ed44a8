"""The experiment of Wynn, Sucholutsky & Griffiths, rebuilt on a report's own data.

"Learning Human-like Representations to Enable Learning Human Values" (arXiv 2312.14106)
is known in outline only: what its public sources leave open is a setting here, with a
stated default, and a table says which conclusions survive another choice. No number of
the paper is claimed as reproduced.

`run.run_paper` does everything; each part is a module with its cells and its tables,
and each group of figures is a module that draws from those tables alone.
"""
