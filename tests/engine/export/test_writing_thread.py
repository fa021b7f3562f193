"""Writing beside drawing: in order, at the same time, with a bounded queue, and every error comes out."""

import threading

import pytest

from engine.export.writing_thread import WAITING, WritingThread

PATIENCE_S = 30.0


def test_items_are_written_in_order_and_all_before_the_end():
    written = []
    with WritingThread(written.append) as writing:
        for i in range(100):
            writing.put(i)
    assert written == list(range(100))


def test_the_next_item_is_made_while_one_is_written():
    made_second = threading.Event()
    waited = []
    with WritingThread(lambda item: waited.append(made_second.wait(PATIENCE_S))) as writing:
        writing.put(1)
        made_second.set()  # would never be reached if `put` wrote by itself
    assert waited == [True]


def test_no_more_than_a_few_items_ever_wait():
    go, begun = threading.Event(), []

    def write(item):
        begun.append(item)
        go.wait(PATIENCE_S)

    with WritingThread(write) as writing:
        for i in range(100):
            if i == WAITING:
                go.set()  # from here on there is room only as fast as items are written
            writing.put(i)
            assert i - len(begun) <= WAITING


def test_an_error_is_raised_where_items_are_put_and_nothing_hangs():
    def write(item):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), WritingThread(write) as writing:
        for i in range(1_000):
            writing.put(i)


def test_an_error_in_the_last_item_is_not_lost():
    def write(item):
        if item == 4:
            raise ValueError("the last")

    with pytest.raises(ValueError, match="the last"), WritingThread(write) as writing:
        for i in range(5):
            writing.put(i)


def test_what_still_waits_is_dropped_when_drawing_stops():
    go, written = threading.Event(), []

    def write(item):
        go.wait(PATIENCE_S)
        written.append(item)

    def stopped():
        with WritingThread(write) as writing:
            for i in range(3):
                writing.put(i)
                yield i
            go.set()

    work = stopped()
    next(work), next(work)
    threading.Timer(0.0, go.set).start()
    work.close()
    assert len(written) <= 2
    assert not any(thread.name == "writing frames" for thread in threading.enumerate())
