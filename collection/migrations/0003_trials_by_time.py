"""An index for the newest trials, made beside a study that keeps running."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built without a lock on the table: people go on answering meanwhile.
    atomic = False

    dependencies = [("collection", "0002_responses_never_change")]

    operations = [
        AddIndexConcurrently(
            model_name="trial",
            index=models.Index(fields=["issued_at"], name="trials_by_time"),
        ),
    ]
