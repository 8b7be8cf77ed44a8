"""What a dataset holds, and what it never tells."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from alignment.folders import read_manifest
from collection import participation
from collection.datasets.package import write_dataset
from collection.errors import DatasetRefused, SupersededResult
from collection.models import SnapshotRecord, Study
from collection.quality_forms import QualityForm as _QualityForm  # noqa: F401
from collection.snapshots import freeze
from tests import factories
from tests.collection.datasets import conftest

pytestmark = pytest.mark.django_db
