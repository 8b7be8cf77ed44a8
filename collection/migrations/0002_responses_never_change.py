"""A response is written once: the database itself refuses to change one.

Deleting stays possible, for erasure on a person's wish.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION collection_response_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A response is written once and never changed (response %).', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER a_response_is_never_changed BEFORE UPDATE ON collection_response
    FOR EACH ROW EXECUTE FUNCTION collection_response_is_final();
"""
BACKWARD = """
DROP TRIGGER a_response_is_never_changed ON collection_response;
DROP FUNCTION collection_response_is_final();
"""


class Migration(migrations.Migration):
    dependencies = [("collection", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
