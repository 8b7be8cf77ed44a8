"""The REST API under ``/api/1/``: what the researcher's pages show, for programs.

``urls.py`` is its table of contents. ``access.py`` says who is asking, ``base.py`` what
every view does before and after its own work, ``schema.py`` how the OpenAPI document is
written from them. Nothing here computes: numbers are counted in the database or read
from finished folders.
"""
