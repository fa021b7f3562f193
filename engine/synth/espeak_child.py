"""Speaks one sentence with libespeak-ng and prints its phoneme events; run as a child process, never imported.

Reads {"voice", "text", "out", "rate", "pitch"} as JSON from stdin, writes the sound to `out` and [[symbol, sample],
...] to stdout. Exit status 3: the library is missing.
"""

import ctypes
import json
import sys
import wave

SYNCHRONOUS, PHONEME_EVENTS, PHONEME_IPA, DONT_EXIT = 2, 1, 2, 0x8000
RATE, PITCH, PHONEME, CHARS_UTF8 = 1, 3, 7, 1


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    ]  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def main() -> int:
    order = json.load(sys.stdin)
    try:
        library = ctypes.CDLL("libespeak-ng.so.1")
    except OSError as error:
        print(error, file=sys.stderr)
        return 3
    rate_hz = library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS | PHONEME_IPA | DONT_EXIT)
    sound, events = bytearray(), []

    @_Callback
    def collect(samples, count, event):
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, count * 2))
        i = 0
        while event[i].type != 0:
            if event[i].type == PHONEME:
                name = bytes(event[i].id.string).split(b"\0")[0].decode("utf-8", "ignore")
                events.append([name, event[i].sample])
            i += 1
        return 0

    library.espeak_SetSynthCallback(collect)
    if library.espeak_SetVoiceByName(order["voice"].encode()) != 0:
        print(f"no voice named {order['voice']}", file=sys.stderr)
        return 4
    library.espeak_SetParameter(RATE, int(order["rate"]), 0)
    library.espeak_SetParameter(PITCH, int(order["pitch"]), 0)
    text = order["text"].encode()
    library.espeak_Synth(text, len(text) + 1, 0, 1, 0, CHARS_UTF8, None, None)
    with wave.open(order["out"], "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(bytes(sound))
    json.dump(events, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
