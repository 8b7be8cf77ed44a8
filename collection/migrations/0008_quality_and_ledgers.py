"""Runs of the quality rules, and the ledgers of payment and exclusion.

New tables only: nothing that stands is touched. Rows of all four are written once, and
the database itself refuses to change one; deleting, for erasure, stays possible.
"""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


TRIGGERS = {
    "qualityrun": "a_quality_run_is_never_changed",
    "qualityverdict": "a_quality_verdict_is_never_changed",
    "paymentdecision": "a_payment_decision_is_never_changed",
    "exclusiondecision": "an_exclusion_decision_is_never_changed",
}
FORWARD = """
CREATE FUNCTION collection_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A row of % is written once and never changed (row %).',
        TG_TABLE_NAME, OLD.id USING ERRCODE = 'restrict_violation';
END $$;
""" + "".join(
    f"""
CREATE TRIGGER {trigger} BEFORE UPDATE ON collection_{table}
    FOR EACH ROW EXECUTE FUNCTION collection_ledger_is_append_only();
"""
    for table, trigger in TRIGGERS.items()
)
BACKWARD = (
    "".join(
        f"DROP TRIGGER {trigger} ON collection_{table};\n"
        for table, trigger in TRIGGERS.items()
    )
    + "DROP FUNCTION collection_ledger_is_append_only();"
)


class Migration(migrations.Migration):

    dependencies = [
        ('collection', '0007_triplet_candidates'),
    ]

    operations = [
        migrations.CreateModel(
            name='QualityRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='From 1, within the study.')),
                ('rules', models.JSONField(help_text='The whole rule set, versions included.')),
                ('rules_sha256', models.CharField(max_length=64)),
                ('simulated', models.BooleanField(default=False)),
                ('reference', models.JSONField(default=dict, help_text='What was usual then.')),
                ('n_sessions', models.PositiveIntegerField()),
                ('n_flagged', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quality_runs', to='collection.study')),
            ],
            options={
                'ordering': ['study', 'number'],
            },
        ),
        migrations.CreateModel(
            name='PaymentDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ground', models.CharField(choices=[('failed-checks', 'Failed instructed checks'), ('repeats', 'Repeated answers unrelated to the first'), ('too-fast', 'Answers faster than reading'), ('straight-lining', 'The same place again and again'), ('traces', 'No trace of hands at work'), ('incomplete', 'Not finished'), ('technical', 'A technical fault'), ('person-asked', 'The person asked for it'), ('correction', 'An earlier decision is taken back'), ('in-order', 'Everything is in order')], max_length=20)),
                ('reason', models.TextField(help_text='In a sentence. No names: it may be exported.')),
                ('decided_by', models.CharField(help_text="The account's name.", max_length=150)),
                ('decided_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('decision', models.CharField(choices=[('pay', 'Pay in full'), ('pay-part', 'Pay in part'), ('bonus', 'Pay a bonus'), ('ask-to-return', 'Ask to return the submission'), ('withhold', 'Do not pay')], max_length=20)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='payment_decisions', to='collection.studysession')),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='collection.qualityrun')),
            ],
            options={
                'ordering': ['decided_at', 'pk'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ExclusionDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ground', models.CharField(choices=[('failed-checks', 'Failed instructed checks'), ('repeats', 'Repeated answers unrelated to the first'), ('too-fast', 'Answers faster than reading'), ('straight-lining', 'The same place again and again'), ('traces', 'No trace of hands at work'), ('incomplete', 'Not finished'), ('technical', 'A technical fault'), ('person-asked', 'The person asked for it'), ('correction', 'An earlier decision is taken back'), ('in-order', 'Everything is in order')], max_length=20)),
                ('reason', models.TextField(help_text='In a sentence. No names: it may be exported.')),
                ('decided_by', models.CharField(help_text="The account's name.", max_length=150)),
                ('decided_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('decision', models.CharField(choices=[('exclude', 'Leave out of snapshots'), ('keep', 'Take an exclusion by hand back')], max_length=20)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exclusion_decisions', to='collection.studysession')),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='collection.qualityrun')),
            ],
            options={
                'ordering': ['decided_at', 'pk'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='QualityVerdict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('flagged', models.BooleanField()),
                ('conduct_flagged', models.BooleanField(help_text='Flagged without any rule that compares with other people.')),
                ('score', models.FloatField()),
                ('conduct_score', models.FloatField()),
                ('rules', models.JSONField(help_text='Per rule: rule, version, outcome, score, reason.')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='verdicts', to='collection.qualityrun')),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quality_verdicts', to='collection.studysession')),
            ],
            options={
                'ordering': ['run', '-score', 'pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='qualityrun',
            constraint=models.UniqueConstraint(fields=('study', 'number'), name='a_quality_run_number_stands_once'),
        ),
        migrations.AddConstraint(
            model_name='paymentdecision',
            constraint=models.CheckConstraint(condition=models.Q(('ground__in', ['failed-checks', 'repeats', 'too-fast', 'straight-lining', 'traces', 'incomplete', 'technical', 'person-asked', 'correction', 'in-order'])), name='dissent_is_no_ground_for_pay'),
        ),
        migrations.AddConstraint(
            model_name='paymentdecision',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='a_payment_decision_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='exclusiondecision',
            constraint=models.CheckConstraint(condition=models.Q(('ground__in', ['failed-checks', 'repeats', 'too-fast', 'straight-lining', 'traces', 'incomplete', 'technical', 'person-asked', 'correction', 'in-order'])), name='dissent_is_no_ground_for_exclusion'),
        ),
        migrations.AddConstraint(
            model_name='exclusiondecision',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='an_exclusion_decision_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='qualityverdict',
            constraint=models.UniqueConstraint(fields=('run', 'session'), name='a_run_judges_a_session_once'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
