import numpy as np
import pytest

from daenr_tf.machine import blocks


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 101])
@pytest.mark.parametrize("bytes_each", [1, 30, 99, 1000])
def test_slices_cover_everything_once_evenly_and_leave_no_item_alone(
    count, bytes_each, monkeypatch
):
    monkeypatch.setattr(blocks, "BYTES", 100)
    found = blocks.slices(count, bytes_each)
    assert [i for some in found for i in range(count)[some]] == list(range(count))
    sizes = [some.stop - some.start for some in found]
    assert max(sizes) - min(sizes) <= 1 and (min(sizes) > 1 or count < 2)
    assert max(sizes) <= max(3, 100 // bytes_each)


@pytest.mark.parametrize(
    "bytes_each, sizes", [(1, [4, 4, 2]), (25, [4, 4, 2]), (40, [2] * 5), (101, [1] * 10)]
)
def test_batches_have_the_size_that_is_asked_for_or_what_fits(bytes_each, sizes):
    assert [some.stop - some.start for some in blocks.batches(10, 4, bytes_each, 100)] == sizes
    assert blocks.batches(0, 4, 0, 100) == []


def test_rows_are_taken_out_and_changed_when_they_are_asked_for():
    array = np.arange(24).reshape(6, 4)
    rows = blocks.Rows(array, np.array([4, 1, 1]), lambda some: some / 2)
    assert rows.shape == (3, 4) and len(rows) == 3
    np.testing.assert_array_equal(rows, array[[4, 1, 1]] / 2)
    np.testing.assert_array_equal(rows[1:], array[[1, 1]] / 2)
    np.testing.assert_array_equal(rows[0], array[4] / 2)
    array[4] = 0
    np.testing.assert_array_equal(rows[0], 0)
