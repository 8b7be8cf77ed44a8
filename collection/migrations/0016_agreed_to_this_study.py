"""Let PostgreSQL know how many people agreed to this study's use.

Without it, it takes one in two hundred: it then gathers and sorts all judgments for
every page of the API's list, 13 s and more at a million. Made without a lock that
anybody who answers would wait for.
"""

from django.db import migrations

FORWARD = """
CREATE STATISTICS agreed_to_this_study ON (uses -> 'this_study') FROM collection_consent;
ANALYZE collection_consent;
"""
BACKWARD = "DROP STATISTICS agreed_to_this_study"


class Migration(migrations.Migration):
    dependencies = [("collection", "0015_live_agreement")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
