"""How often something was tried, for the limits that several processes share."""

from __future__ import annotations

from django.db import models


class Tries(models.Model):
    """How full one bucket is: a keyed digest of who tried what, and no name.

    Rows are deleted a day after the last try. The table is unlogged: a crash of the
    database may empty it, and no backup holds it.
    """

    key = models.CharField(max_length=64, primary_key=True)
    level = models.FloatField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "tries"

    def __str__(self) -> str:
        return f"{self.level:.0f} at {self.at:%H:%M:%S}"
