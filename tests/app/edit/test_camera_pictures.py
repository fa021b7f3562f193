"""The camera lane shows what each key looks at."""

import pytest

from engine.camera import Orbit
from tests.fakes.portraits import answer_portrait, asked_portraits, spoken_take

pytestmark = pytest.mark.display


@pytest.fixture
def editing(make_studio, home, qtbot):
    """A take of the avatar on stage with two camera keys."""
    studio = make_studio()
    studio.window.commands.run("window.edit")
    model = studio.edit.model
    model.open_path(spoken_take(home / "a.take"))
    qtbot.waitUntil(lambda: model.performance is not None, timeout=60_000)
    for at, azimuth in ((0.4, 0.0), (1.4, 30.0)):
        model.transport.seek(at)
        studio.session.orbit = Orbit(azimuth_deg=azimuth)
        model.add_camera_key()
    studio.edit.timeline.canvas.layout_.fit(model.seconds)
    return studio


def of_keys(session):
    return [row for row in asked_portraits(session) if row["name"].startswith("camera ")]


def answer_until(studio, qtbot, n, color=(10, 200, 10)):
    """Answers what is asked until so many keys' pictures have been."""
    done = set()

    def answered():
        asked = asked_portraits(studio.session)
        if asked and len(asked) not in done:
            done.add(len(asked))
            answer_portrait(studio.session, asked[-1]["name"], color)
        return len(of_keys(studio.session)) >= n

    qtbot.waitUntil(answered, timeout=60_000)


def color_at(studio, seconds):
    canvas = studio.edit.timeline.canvas
    box = canvas.layout_.camera_box(seconds, canvas.layout_.lane("camera").rect)
    return canvas.grab().toImage().pixelColor(box.center().toPoint())


def test_each_key_is_the_face_of_its_moment_from_where_it_looks(editing, qtbot):
    answer_until(editing, qtbot, 2)
    first, second = of_keys(editing.session)[:2]
    assert second["orbit"]["azimuth_deg"] - first["orbit"]["azimuth_deg"] == 30
    performance = editing.edit.model.performance
    assert first["controls"][0] == pytest.approx(performance.values[24][0], abs=0.01)


def test_the_pictures_stand_in_the_lane_in_place_of_angles(editing, qtbot):
    canvas = editing.edit.timeline.canvas
    canvas.layout_.top = max(0.0, canvas.layout_.content_height - canvas.height())  # it lies below what is shown
    assert color_at(editing, 0.4).green() < 150
    answer_until(editing, qtbot, 2)
    qtbot.waitUntil(lambda: color_at(editing, 0.4).green() == 200, timeout=20_000)


def test_a_key_that_moves_is_drawn_anew_and_keeps_its_picture_meanwhile(editing, qtbot):
    answer_until(editing, qtbot, 2)
    pictures = editing.edit._pictures
    qtbot.waitUntil(lambda: pictures.picture(0) is not None and pictures.picture(1) is not None, timeout=20_000)
    n = len(of_keys(editing.session))
    editing.edit.model.transport.seek(0.4)
    editing.session.orbit = Orbit(azimuth_deg=-20.0)
    editing.edit.model.add_camera_key()
    answer_until(editing, qtbot, n + 1)
    assert of_keys(editing.session)[-1]["orbit"]["azimuth_deg"] == -20 and pictures.picture(0) is not None
    assert len(of_keys(editing.session)) == n + 1  # the other key is known


def test_another_avatar_on_stage_leaves_the_angles(editing, qtbot):
    answer_until(editing, qtbot, 2)
    pictures = editing.edit._pictures
    qtbot.waitUntil(lambda: pictures.picture(1) is not None, timeout=20_000)
    schema = type(editing.session.manifest.schema)
    rows = schema(editing.session.manifest.schema.specs[1:]).to_json()
    editing.session.manifest = editing.session.manifest.model_copy(update={"schema_rows": rows})
    editing.session.avatar_opened.emit(editing.session.manifest)
    qtbot.waitUntil(lambda: pictures.picture(1) is None, timeout=20_000)
