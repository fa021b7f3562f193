"""Packets from the network: what is right is read exactly, whatever else comes is refused without harm."""

import contextlib
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.external import live_link, osc, vmc
from engine.external.packet import PacketError
from engine.vocabulary import ARKIT_52

SOME = {"jawOpen": 0.5, "eyeBlinkLeft": 1.0, "tongueOut": 0.25}


def test_a_live_link_packet_is_as_long_as_the_phones_and_read_back():
    data = live_link.encode(SOME, (10.0, -5.0, 2.0), subject="iPhone")
    assert len(data) == 312
    frame = live_link.decode(data)
    assert frame.subject == "iPhone" and frame.rate_hz == 60 and frame.has_face
    assert {name: value for name, value in frame.shapes.items() if value} == pytest.approx(SOME)
    assert frame.head_deg == pytest.approx((10.0, -5.0, 2.0), abs=1e-4)


def test_without_its_last_block_no_face_is_seen():
    data = live_link.encode({}, subject="abc")
    frame = live_link.decode(data[: -(1 + 61 * 4)])
    assert not frame.has_face and frame.shapes == {}


def test_values_outside_are_clamped_and_what_is_no_number_is_refused():
    assert live_link.decode(live_link.encode({"jawOpen": 7.0})).shapes["jawOpen"] == 1.0
    data = bytearray(live_link.encode({}))
    struct.pack_into(">f", data, len(data) - 4, math.nan)
    with pytest.raises(PacketError, match="finite"):
        live_link.decode(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_a_packet_error(data):
    for decode in (live_link.decode, osc.decode, vmc.VmcReceiver().take):
        with contextlib.suppress(PacketError):
            decode(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_good_packet_with_bytes_changed_or_cut_does_no_harm(data):
    good = data.draw(st.sampled_from([live_link.encode(SOME), *vmc.encode(SOME, (5, 0, 0), 1.0)]))
    bad = bytearray(good[: data.draw(st.integers(0, len(good)))])
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8)):
        if at < len(bad):
            bad[at] = value
    receiver = vmc.VmcReceiver()
    for decode in (live_link.decode, receiver.take):
        with contextlib.suppress(PacketError):
            decode(bytes(bad))
    assert all(0 <= value <= 1 and name in ARKIT_52 for name, value in receiver.shapes.items())


VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)


@given(st.lists(VALUES, max_size=20))
def test_an_osc_message_is_read_back_as_it_was_written(arguments):
    assert osc.decode(osc.encode("/a/b", *arguments)) == [("/a/b", tuple(arguments))]


def test_bundles_in_bundles_have_an_end():
    data = osc.encode("/x")
    for _ in range(10):
        data = osc.BUNDLE + osc.NOW + struct.pack(">i", len(data)) + data
    with pytest.raises(PacketError, match="bundles"):
        osc.decode(data)


def test_values_count_only_when_they_are_applied():
    receiver = vmc.VmcReceiver()
    assert not receiver.take(osc.encode(vmc.BLEND, "JawOpen", 0.5)) and receiver.shapes == {}
    assert receiver.take(osc.encode(vmc.APPLY)) and receiver.shapes == {"jawOpen": 0.5}
    receiver.take(osc.encode(vmc.BLEND, "Blink", 1.0))
    receiver.take(osc.encode(vmc.APPLY))
    assert receiver.shapes == {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}


@given(*[st.floats(-60, 60)] * 3)
def test_the_heads_rotation_survives_the_change_of_axes(yaw, pitch, roll):
    assert vmc.head_angles(*vmc.head_quaternion(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-3)


def test_what_goes_out_fits_the_wire_and_comes_in_again():
    shapes = {name: i / 52 for i, name in enumerate(ARKIT_52)}
    packets = vmc.encode(shapes, (12.0, 3.0, -4.0), 1.5)
    assert len(packets) > 1 and max(map(len, packets)) <= vmc.MOST_BYTES
    receiver = vmc.VmcReceiver()
    assert [receiver.take(packet) for packet in packets][-1]
    assert receiver.shapes == pytest.approx(shapes) and receiver.head_deg == pytest.approx((12, 3, -4), abs=1e-3)
