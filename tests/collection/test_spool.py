"""Rows on disk: read as often as one likes, in the order they were put."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from hypothesis import given
from hypothesis import strategies as st

from collection.disclosure import released_id
from collection.spool import Spool, sorted_by_name


@given(items=st.lists(st.text()), at_once=st.integers(1, 5))
def test_what_is_put_aside_comes_back_each_time(items: list[str], at_once: int) -> None:
    spool = Spool(items, at_once=at_once)

    assert list(spool) == items
    assert list(spool) == items
    assert len(spool) == len(items)
    assert all(item in spool for item in items)
    assert spool == Spool(items)
    assert spool != Spool([*items, "more"])


def test_two_may_read_at_once_and_somebody_go_on_writing() -> None:
    spool = Spool(range(10), at_once=3)

    pairs = []
    for one in spool:
        spool.append(one + 100)
        pairs += [(one, other) for other in Spool(spool)][:1]

    assert pairs == [(one, 0) for one in range(10)]
    assert list(spool) == [*range(10), *range(100, 110)]


@given(names=st.lists(st.text(), max_size=30))
def test_sorting_in_shares_is_sorting(names: list[str]) -> None:
    rows = [(released_id("key", name), str(n % 3), n) for n, name in enumerate(names)]

    found = sorted_by_name(rows, lambda row: (row[0], row[1]))

    assert list(found) == sorted(rows, key=lambda row: row[:2])


def test_a_million_rows_are_not_in_memory() -> None:
    script = """
    import resource
    from collection.spool import Spool
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before = peak()
    spool = Spool({"name": f"row {n}", "number": n} for n in range(300_000))
    assert sum(1 for _ in spool) == 300_000
    print(peak() - before)
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert float(told.stdout) < 20  # MB; as a list they are a hundred
