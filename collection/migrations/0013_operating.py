from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collection', '0012_tokens'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tries',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('level', models.FloatField()),
                ('at', models.DateTimeField(db_index=True)),
            ],
            options={
                'verbose_name_plural': 'tries',
            },
        ),
        # Tries are written at every guess and are worth nothing after a crash.
        migrations.RunSQL(
            'ALTER TABLE collection_tries SET UNLOGGED',
            'ALTER TABLE collection_tries SET LOGGED',
        ),
    ]
