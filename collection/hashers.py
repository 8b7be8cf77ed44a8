"""How passwords are stored."""

from __future__ import annotations

from django.contrib.auth import hashers


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Argon2id with the memory that several logins at once can afford.

    Django's own setting takes 100 MiB and eight threads for each login: with eight
    people logging in at once a small server would run out of memory. 46 MiB on one
    thread is within what OWASP's Password Storage Cheat Sheet recommends. Older hashes
    stay valid, and are written anew at the next login.
    """

    time_cost = 2
    memory_cost = 47_104
    parallelism = 1
