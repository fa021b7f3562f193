"""A face from outside through real sockets: shut at first, on this machine only, counted, mapped, sent on."""

import contextlib
import socket

import numpy as np
import pytest
from PySide6.QtNetwork import QHostAddress, QUdpSocket
from safetensors.numpy import save_file

from app.external.drive import ExternalDrive
from app.external.face_map import FaceMap
from app.settings import NetworkSettings
from engine.external import live_link, vmc
from engine.manifest import FORMAT
from tests.fakes.session import fake_manifest

pytestmark = pytest.mark.display


def free_ports(n: int) -> list[int]:
    """Different ones: all are held until the last is found."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(n)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@pytest.fixture
def settings(monkeypatch) -> NetworkSettings:
    monkeypatch.setattr("app.external.drive.LOST_AFTER_S", 60.0)  # no packet is given up because this test stood still
    live_link, vmc_in, vmc_out = free_ports(3)
    return NetworkSettings(live_link_port=live_link, vmc_in_port=vmc_in, vmc_out_port=vmc_out)


@pytest.fixture
def drive(live_session, settings):
    made = ExternalDrive(live_session, settings)
    yield made
    made.close()


def send(data: bytes, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(data, ("127.0.0.1", port))


def external(session) -> dict | None:
    return next((call[1] for call in reversed(session.calls) if call[0] == "set_external"), None)


def test_no_port_is_open_until_it_is_switched_on(drive, settings):
    drive.apply()
    assert not drive.ports.is_open("live_link") and not drive.ports.is_open("vmc") and not drive.ports.sends
    settings.live_link = True
    drive.apply()
    assert drive.ports.port("live_link") == settings.live_link_port
    assert drive.ports.address("live_link") == "127.0.0.1" and not drive.ports.is_open("vmc")
    settings.live_link = False
    drive.apply()
    assert not drive.ports.is_open("live_link")


def test_only_when_told_do_other_machines_reach_a_port(drive, settings):
    settings.vmc_in = settings.listen_everywhere = True
    drive.apply()
    assert drive.ports.address("vmc") == "0.0.0.0"
    settings.listen_everywhere = False
    drive.apply()
    assert drive.ports.address("vmc") == "127.0.0.1"


def test_a_phones_packet_moves_the_controls_that_its_shapes_reach(drive, settings, live_session, qtbot):
    settings.live_link = True
    drive.apply()
    send(live_link.encode({"eyeBlinkLeft": 0.8}, (12.0, 0.0, 0.0)), settings.live_link_port)
    qtbot.waitUntil(lambda: external(live_session) is not None)
    asked = external(live_session)
    assert asked["au.45l"] == pytest.approx(0.8, abs=1e-3) and asked["au.45r"] == pytest.approx(0.0, abs=1e-6)
    assert asked["pose.yaw"] == pytest.approx(12.0, abs=1e-3) and drive.is_driving
    settings.moves_head = False
    send(live_link.encode({"eyeBlinkLeft": 0.2}, (30.0, 0.0, 0.0)), settings.live_link_port)
    qtbot.waitUntil(lambda: abs(external(live_session)["au.45l"] - 0.2) < 1e-3)
    assert "pose.yaw" not in external(live_session)


def test_malformed_packets_are_dropped_and_counted_and_the_next_good_one_counts(drive, settings, live_session, qtbot):
    settings.vmc_in = True
    drive.apply()
    for data in (b"", b"rubbish!", b"#bundle\0", b"\xff" * 64, vmc.encode({"jawOpen": 1.0}, (0, 0, 0), 0.0)[0][:-3]):
        send(data or b"\0", settings.vmc_in_port)
    qtbot.waitUntil(lambda: drive.ports.counts["vmc"].n_dropped == 5)
    assert external(live_session) is None and drive.ports.counts["vmc"].reason
    for packet in vmc.encode({"eyeBlinkRight": 1.0}, (0.0, 0.0, 0.0), 0.0):
        send(packet, settings.vmc_in_port)
    qtbot.waitUntil(lambda: external(live_session) is not None)
    assert external(live_session)["au.45r"] == pytest.approx(1.0, abs=1e-3)


def test_when_the_sender_sees_no_face_the_voice_has_the_face_again(drive, settings, live_session, qtbot):
    settings.live_link = True
    drive.apply()
    packet = live_link.encode({"eyeBlinkLeft": 0.8})
    send(packet, settings.live_link_port)
    qtbot.waitUntil(lambda: drive.is_driving)
    send(packet[: -(1 + 61 * 4)], settings.live_link_port)
    qtbot.waitUntil(lambda: not drive.is_driving)
    assert external(live_session) == {}


def test_a_sender_that_falls_silent_lets_go(drive, settings, live_session, qtbot):
    settings.live_link = True
    drive.apply()
    send(live_link.encode({"eyeBlinkLeft": 0.8}), settings.live_link_port)
    qtbot.waitUntil(lambda: drive.is_driving)
    drive._came_at -= 61.0
    drive._look_after()
    assert not drive.is_driving and external(live_session) == {}


def test_a_port_in_use_is_told_and_stays_shut(drive, settings, live_session):
    taken = QUdpSocket()
    assert taken.bind(QHostAddress("127.0.0.1"), settings.live_link_port)
    settings.live_link = True
    drive.apply()
    assert not drive.ports.is_open("live_link")
    assert "cannot be opened" in live_session.notes[-1][2]
    taken.close()


def test_the_face_goes_out_as_vmc_through_the_avatars_fit(live_session, settings, tmp_path, qtbot):
    manifest = live_session.manifest
    schema = manifest.schema
    fit = np.zeros((len(schema) + 1, 72), np.float32)
    fit[schema.index("lip.00"), 17] = 0.5  # jawOpen
    path = tmp_path / "fit.avatar"
    save_file({"fit.to_common": fit}, path, {"format": FORMAT})
    settings.vmc_out = True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", settings.vmc_out_port))
        listener.settimeout(60)
        drive = ExternalDrive(live_session, settings)
        drive.map = FaceMap(manifest, path)
        drive.apply()
        live_session.show({"lip.00": 0.8, "pose.yaw": 10.0})
        receiver = vmc.VmcReceiver()
        while not receiver.take(listener.recv(4096)):
            pass
        drive.close()
    assert receiver.shapes["jawOpen"] == pytest.approx(0.4, abs=1e-3)
    assert receiver.head_deg == pytest.approx((10.0, 0.0, 0.0), abs=1e-2)


def test_the_map_says_in_words_what_each_shape_moves():
    links = {link.shape: link for link in FaceMap(fake_manifest(), None).links()}
    assert links["browInnerUp"].moves[0] == ("Inner brow raises", pytest.approx(1.0, abs=0.01))
    assert links["tongueOut"].moves == ()


def test_the_page_switches_a_port_on_and_shows_the_map(make_studio, qtbot):
    studio = make_studio()
    network = studio.settings.network
    [network.live_link_port] = free_ports(1)
    studio.sheets.open_preferences("network")
    page = studio.window.sheet.page
    page.switches["live_link"].click()
    assert network.live_link and studio.sheets.external.ports.is_open("live_link")
    assert page._title.text().startswith("How it reaches this avatar")
    send(live_link.encode({"jawOpen": 0.5}), network.live_link_port)
    qtbot.waitUntil(lambda: "1 packet" in page._counts["live_link"].text(), timeout=20_000)
    page.switches["live_link"].click()
    assert not studio.sheets.external.ports.is_open("live_link")
