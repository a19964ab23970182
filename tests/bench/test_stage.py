"""What is done before something is measured."""

import pytest

from bench import stage


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_memory_that_was_warmed_is_given_back(tmp_path, size):
    on = stage.Stage(tmp_path, tmp_path)
    before = sorted(tmp_path.rglob("*"))

    on.warm(size)

    assert sorted(tmp_path.rglob("*")) == before
