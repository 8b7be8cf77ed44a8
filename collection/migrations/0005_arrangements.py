"""Arrangements: a kind of trial, and the positions that answer it.

Safe on a filled database: a longer `varchar` and a column that may be empty change the
catalogue only; no row is rewritten, and the trigger that keeps responses unchanged does
not fire.
"""

from django.db import migrations, models

KINDS = [
    ("value", "Value"),
    ("pair", "Pair"),
    ("triplet", "Triplet"),
    ("arrangement", "Arrangement"),
    ("question", "Question"),
]


class Migration(migrations.Migration):
    dependencies = [("collection", "0004_waitingplace")]
    operations = [
        migrations.AlterField(
            model_name="cell",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=20),
        ),
        migrations.AlterField(
            model_name="trial",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=20),
        ),
        migrations.AddField(
            model_name="response",
            name="positions",
            field=models.JSONField(
                blank=True,
                help_text="Arrangement: action_id -> [x, y] in [0, 1], from the arena's "
                "upper left; an action that was not understood is left out.",
                null=True,
            ),
        ),
    ]
