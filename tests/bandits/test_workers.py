from pathlib import Path

import pytest
import torch

from bandits.workers import workers


def write_threads(path: Path) -> None:
    path.write_text(str(torch.get_num_threads()))


def refuse(reason: str) -> None:
    raise ValueError(reason)


@pytest.mark.parametrize("processes", [1, 2])
def test_every_task_is_done_once_on_one_thread_and_a_failure_is_its_own(
    processes: int, tmp_path: Path
) -> None:
    paths = [tmp_path / str(number) for number in range(3)]

    with workers(processes) as each:
        done = list(each(write_threads, [(path,) for path in paths]))
        with pytest.raises(ValueError, match="no such thing"):
            list(each(refuse, [("no such thing",)]))

    assert sorted(done) == [0, 1, 2]
    assert [path.read_text() for path in paths] == ["1"] * 3


def test_this_processs_threads_are_given_back() -> None:
    before = torch.get_num_threads()

    with workers(1):
        assert torch.get_num_threads() == 1

    assert torch.get_num_threads() == before
