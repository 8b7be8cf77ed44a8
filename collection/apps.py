"""The app's registration."""

from django.apps import AppConfig


class CollectionConfig(AppConfig):
    """Attune's one Django app."""

    name = "collection"
    verbose_name = "Attune"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from collection import checks  # noqa: F401  (registers them)
