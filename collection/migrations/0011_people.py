"""Roles of people and teams in a study, and the audit log.

Whoever was a researcher of a study becomes an owner of it: they could do everything. The
audit log is only ever added to: the database itself refuses to change or delete a row.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


ONLY_ADDED_TO = """
CREATE TRIGGER an_audit_record_is_never_changed
    BEFORE UPDATE OR DELETE ON collection_auditrecord
    FOR EACH ROW EXECUTE FUNCTION collection_is_only_added_to();
"""
FREE_AGAIN = "DROP TRIGGER an_audit_record_is_never_changed ON collection_auditrecord;"
# Rows that were just inserted wait for their checks, and such a table cannot be altered.
CHECKED_NOW = "SET CONSTRAINTS ALL IMMEDIATE"


def owners_of_before(apps, schema_editor):
    study = apps.get_model("collection", "Study")
    membership = apps.get_model("collection", "Membership")
    membership.objects.bulk_create(
        membership(study_id=row.study_id, user_id=row.user_id, role="owner")
        for row in study.researchers.through.objects.order_by("pk").iterator()
    )
    schema_editor.execute(CHECKED_NOW)


def researchers_again(apps, schema_editor):
    """Backward: whoever has a role of their own sees the study as before."""
    through = apps.get_model("collection", "Study").researchers.through
    membership = apps.get_model("collection", "Membership")
    through.objects.bulk_create(
        through(study_id=row.study_id, user_id=row.user_id)
        for row in membership.objects.filter(user__isnull=False).iterator()
    )
    schema_editor.execute(CHECKED_NOW)


class Migration(migrations.Migration):

    dependencies = [
        ('collection', '0010_session_language'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AuditRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('study', models.CharField(blank=True, help_text='Its slug; empty: of no single study.', max_length=60)),
                ('by', models.CharField(help_text="The account's name, or `command`.", max_length=150)),
                ('verb', models.CharField(help_text='For instance study.opened.', max_length=60)),
                ('details', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'indexes': [models.Index(fields=['study', '-at'], name='audit_of_a_study')],
            },
        ),
        migrations.CreateModel(
            name='TeamPlace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('leads', models.BooleanField(default=False)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='places', to='collection.team')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='team_places', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['team', '-leads', 'user__username'],
            },
        ),
        migrations.AddField(
            model_name='team',
            name='people',
            field=models.ManyToManyField(related_name='teams', through='collection.TeamPlace', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('editor', 'Editor'), ('viewer', 'Viewer')], max_length=10)),
                ('since', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='collection.study')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='collection.team')),
            ],
            options={
                'ordering': ['study', 'since', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('team__isnull', True), ('user__isnull', False)), models.Q(('team__isnull', False), ('user__isnull', True)), _connector='OR'), name='a_membership_is_of_a_person_or_of_a_team'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'editor', 'viewer'])), name='a_membership_has_a_known_role'), models.UniqueConstraint(fields=('study', 'user'), name='a_person_has_one_role_in_a_study'), models.UniqueConstraint(fields=('study', 'team'), name='a_team_has_one_role_in_a_study')],
            },
        ),
        migrations.AddConstraint(
            model_name='teamplace',
            constraint=models.UniqueConstraint(fields=('team', 'user'), name='a_person_is_in_a_team_once'),
        ),
        migrations.RunSQL(ONLY_ADDED_TO, FREE_AGAIN),
        migrations.RunPython(owners_of_before, researchers_again),
        migrations.RemoveField(
            model_name='study',
            name='researchers',
        ),
    ]
