"""How properties are tried here."""

from hypothesis import settings

# A busy machine is no failure, so no deadline; 40 examples keep the suite short.
settings.register_profile("alignment", deadline=None, max_examples=40)
settings.load_profile("alignment")
