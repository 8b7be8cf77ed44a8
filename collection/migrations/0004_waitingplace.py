"""A line for those who come when too many people answer at once."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("collection", "0003_trials_by_time")]

    operations = [
        migrations.CreateModel(
            name="WaitingPlace",
            fields=[
                (
                    "token",
                    models.CharField(max_length=40, primary_key=True, serialize=False),
                ),
                (
                    "arrived_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False
                    ),
                ),
                (
                    "asked_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now,
                        help_text="When its page last asked for room.",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["arrived_at"], name="waiting_by_arrival")
                ]
            },
        ),
    ]
