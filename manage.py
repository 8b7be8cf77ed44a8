#!/usr/bin/env python3
"""Attune's commands: ``manage.py help`` lists them."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "collection.settings")
    # Before torch is imported by any command: waiting threads must not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
