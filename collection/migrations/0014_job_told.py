from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("collection", "0013_operating")]

    operations = [
        migrations.AddField(
            model_name="jobrecord",
            name="told",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
