"""One package that others can cite: a frozen snapshot as tables, with all to read it by.

    tables.py         which tables there are, and what each column means; all else follows
    streaming.py      from the snapshot's files to CSV and Parquet, a piece at a time
    answers.py        what the database knows beside a judgment: place, response time, arena
    people.py         who judged, in groups of five or more; the disclosure report
    hashing.py        one hash of all judgments, whatever their order
    matrices.py       mean similarities and values, as NPZ and CSV
    descriptions.py   codebook, Psych-DS
    croissant.py      Croissant 1.1 with its fields for responsible use
    card.py           README and changes
    package.py        writes the folder
    reading.py        opens somebody's package and lists everything wrong with it
    importing.py      makes a closed study of one

Only commands import what needs numpy and pyarrow; the web process imports none of it.
"""
