"""JSON lines: requests in order, events never blocking, the newest of its kind kept, the end noticed."""

import json
import os
import threading

from app.workers.lines import Lines


def piped() -> tuple[Lines, object, object]:
    """Lines, the window's end for requests, and the window's end for events."""
    request_out, request_in = os.pipe()
    event_out, event_in = os.pipe()
    lines = Lines(os.fdopen(request_out, "rb", buffering=0), os.fdopen(event_in, "wb", buffering=0))
    return lines, os.fdopen(request_in, "wb", buffering=0), os.fdopen(event_out, "rb")


def test_requests_come_in_order_and_nonsense_is_left_out(capsys):
    lines, window, _ = piped()
    window.write(b'{"do": "a"}\nnonsense\n[1]\n{"do": "b", "x": 1}\n')
    taken = []
    while len(taken) < 2:
        assert lines.wait(60.0)
        taken += lines.take()
    assert taken == [{"do": "a"}, {"do": "b", "x": 1}]
    window.close()


def test_the_end_of_the_window_is_noticed():
    lines, window, _ = piped()
    window.close()
    assert lines.wait(60.0) and lines.is_closed


def test_events_are_written_in_order():
    lines, window, events = piped()
    lines.say("one", x=1)
    lines.say("two")
    assert [json.loads(events.readline()) for _ in range(2)] == [{"event": "one", "x": 1}, {"event": "two"}]
    window.close()


def test_a_window_that_does_not_read_blocks_nobody_and_gets_only_the_newest():
    lines, window, events = piped()
    done = threading.Event()

    def talk() -> None:
        for i in range(50_000):
            lines.say_newest("frame", sequence=i)
        lines.say("over")
        done.set()

    threading.Thread(target=talk, daemon=True).start()
    assert done.wait(120.0)
    rows = []
    while not rows or rows[-1]["event"] != "over":
        rows.append(json.loads(events.readline()))
    while rows[-1].get("sequence") != 49_999 and not any(row.get("sequence") == 49_999 for row in rows):
        rows.append(json.loads(events.readline()))
    numbers = [row["sequence"] for row in rows if row["event"] == "frame"]
    assert numbers == sorted(numbers) and len(numbers) < 50_000
    window.close()


def test_what_is_newest_is_in_the_pipe_when_the_call_returns():
    lines, window, events = piped()
    for i in range(20):
        lines.say_newest("frame", sequence=i)
        os.set_blocking(events.fileno(), False)
        assert json.loads(events.readline()) == {"event": "frame", "sequence": i}
    window.close()


def test_a_request_is_known_of_before_it_is_taken():
    lines, window, _ = piped()
    assert not lines.has("look")
    window.write(b'{"do": "view"}\n{"do": "look"}\n')
    while not lines.has("look"):
        threading.Event().wait(0.001)
    assert lines.has("view", "rate") and not lines.has("rate")
    taken = lines.take()
    assert [request["do"] for request in taken] == ["view", "look"] and not lines.has("look")
    window.close()


def test_closing_sends_what_is_waiting():
    lines, window, events = piped()
    for i in range(100):
        lines.say("event", i=i)
    lines.close()
    assert [json.loads(events.readline())["i"] for _ in range(100)] == list(range(100))
    window.close()
