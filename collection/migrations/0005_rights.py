"""Rights: texts of consent kept for good, ways to withdraw, erasures, retention.

What is added can be empty or has a default in the database, so that a web worker of the
last version goes on inserting while this one starts. Platform identities get a digest
and a date until which they are kept; every consent keeps pointing at a text that is there.
"""

from datetime import timedelta

import collection.models.rights
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models
from django.utils import timezone

from collection.digests import identity_digest

# As definitions without a date of their own keep them; see `definition_parts.py`.
DAYS_KEPT = 90
HOURS_KEPT_WITHOUT_CONSENT = 24
AT_ONCE = 500

ONLY_ADDED_TO = """
CREATE FUNCTION collection_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are written once and never changed.', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER an_erasure_is_never_changed BEFORE UPDATE OR DELETE ON collection_erasure
    FOR EACH ROW EXECUTE FUNCTION collection_is_only_added_to();
CREATE TRIGGER a_consent_text_is_never_changed BEFORE UPDATE ON collection_consentversion
    FOR EACH ROW EXECUTE FUNCTION collection_is_only_added_to();
"""
FREE_AGAIN = """
DROP TRIGGER an_erasure_is_never_changed ON collection_erasure;
DROP TRIGGER a_consent_text_is_never_changed ON collection_consentversion;
DROP FUNCTION collection_is_only_added_to();
"""


def date_identities(apps, schema_editor):
    """A digest and a date for everyone who is known by now.

    Counted from today: ids that are still needed to pay people do not vanish at once.
    """
    identities = apps.get_model("collection", "PlatformIdentity")
    sessions = apps.get_model("collection", "StudySession")
    now = timezone.now()
    batch = []
    for identity in identities.objects.select_related("study").iterator():
        consented = sessions.objects.filter(
            participant=identity.participant_id, consented_at__isnull=False
        ).exists()
        identity.digest = identity_digest(
            identity.study.slug, identity.platform, identity.external_id
        )
        identity.keep_until = now + (
            timedelta(days=DAYS_KEPT)
            if consented
            else timedelta(hours=HOURS_KEPT_WITHOUT_CONSENT)
        )
        batch.append(identity)
        if len(batch) == AT_ONCE:
            identities.objects.bulk_update(batch, ["digest", "keep_until"])
            batch = []
    identities.objects.bulk_update(batch, ["digest", "keep_until"])


def keep_consent_texts(apps, schema_editor):
    """What was agreed to before: the consent section of the definition of that hash."""
    consents = apps.get_model("collection", "Consent")
    versions = apps.get_model("collection", "ConsentVersion")
    studies = apps.get_model("collection", "Study")
    given = consents.objects.values("session__study", "version").annotate(
        first=models.Min("given_at")
    )
    for row in list(given.order_by()):
        study = studies.objects.get(pk=row["session__study"])
        known = study.definition_sha256 == row["version"]
        versions.objects.create(
            study=study,
            version=row["version"],
            language=study.definition.get("language", "en"),
            shown="",
            definition=study.definition.get("consent", {}) if known else {},
            first_given_at=row["first"],
        )


def forget_nothing(apps, schema_editor):
    """Back again: the columns go, and with them what was written."""


class Migration(migrations.Migration):

    dependencies = [
        ('collection', '0004_waitingplace'),
    ]

    operations = [
        migrations.CreateModel(
            name='ComprehensionOutcome',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('passed', models.BooleanField()),
                ('missed', models.JSONField(default=list, help_text='Keys of the questions answered wrong, once per attempt.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='ConsentVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(editable=False, max_length=64)),
                ('language', models.CharField(editable=False, max_length=35)),
                ('shown', models.TextField(editable=False, help_text='What the page said, as HTML, every tick included.')),
                ('definition', models.JSONField(editable=False, help_text="The consent section of the study's definition.")),
                ('first_given_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['study', 'first_given_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('study', models.SlugField(help_text="The study's slug.", max_length=60)),
                ('sessions', models.JSONField(help_text='sha256 of each session code.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.CharField(help_text="A researcher's name, `participant` or `command`.", max_length=150)),
                ('reason', models.CharField(choices=[('participant-asked', 'The participant asked for it'), ('no-consent', 'There was no valid consent'), ('under-age', 'The person was too young to take part'), ('other', 'Another reason')], max_length=20)),
                ('reference', models.CharField(blank=True, default='', help_text='A case number. No names.', max_length=80)),
                ('scope', models.CharField(default='everything', max_length=20)),
                ('counts', models.JSONField(default=dict, help_text='Table -> rows erased.')),
                ('superseded', models.JSONField(default=dict, help_text='snapshots (numbers), reports and sweeps (job numbers).')),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='WithdrawalCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(default=collection.models.rights.new_withdrawal_code, max_length=20, unique=True)),
            ],
        ),
        migrations.AddField(
            model_name='jobrecord',
            name='superseded_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='jobrecord',
            name='superseded_reason',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='platformidentity',
            name='digest',
            field=models.CharField(help_text='Keyed digest of platform and external id.', max_length=64, null=True),
        ),
        migrations.AddField(
            model_name='platformidentity',
            name='keep_until',
            field=models.DateTimeField(db_index=True, help_text='When this row is deleted.', null=True),
        ),
        migrations.AddField(
            model_name='snapshotrecord',
            name='release_key',
            field=models.CharField(blank=True, db_default='', default='', help_text='Turns rater ids into those of an open release; never given out.', max_length=64),
        ),
        migrations.AddField(
            model_name='snapshotrecord',
            name='superseded_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='snapshotrecord',
            name='superseded_reason',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='snapshotrecord',
            name='use',
            field=models.SlugField(db_default='this_study', default='this_study', help_text='The use of the data it is for.', max_length=60),
        ),
        migrations.AlterField(
            model_name='consent',
            name='version',
            field=models.CharField(help_text='Which text: ConsentVersion.version of this study.', max_length=64),
        ),
        migrations.AlterField(
            model_name='platformidentity',
            name='external_id',
            field=models.CharField(blank=True, max_length=200, null=True),
        ),
        migrations.AddConstraint(
            model_name='platformidentity',
            constraint=models.UniqueConstraint(fields=('study', 'digest'), name='a_digest_belongs_to_one_participant'),
        ),
        migrations.AddField(
            model_name='comprehensionoutcome',
            name='session',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='comprehension', to='collection.studysession'),
        ),
        migrations.AddField(
            model_name='consentversion',
            name='study',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='consent_versions', to='collection.study'),
        ),
        migrations.AddField(
            model_name='withdrawalcode',
            name='session',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='withdrawal_code', to='collection.studysession'),
        ),
        migrations.AddConstraint(
            model_name='consentversion',
            constraint=models.UniqueConstraint(fields=('study', 'version'), name='a_consent_text_is_kept_once'),
        ),
        migrations.RunSQL(ONLY_ADDED_TO, FREE_AGAIN),
        # Last: PostgreSQL alters no table in a transaction that changed its rows.
        migrations.RunPython(date_identities, forget_nothing),
        migrations.RunPython(keep_consent_texts, forget_nothing),
    ]
