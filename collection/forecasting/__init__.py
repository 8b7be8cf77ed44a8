"""A digital twin of a study: what so many participants will buy, before they are paid.

``settings.py`` says who the simulated people are, ``desk.py`` deals trials out in memory
as the scheduler does, ``twin.py`` runs one study, ``measures.py`` says how well people
agreed in it, ``curve.py`` puts many such studies together, ``pay.py`` what they cost.
``runs.py`` spreads studies over processes; ``told.py``, ``files.py`` and ``figure.py``
show what came out. Nothing is stored in a study, and no page is walked.

Imports numpy, so nothing that the web process loads may import this package.
"""
