"""What sound there is in files, by other people's decoders (PyAV: FFmpeg and libopus) and by the spectrum.

    listen.py folder FOLDER HZ...       every file under a folder that holds sound, whatever it is called
    listen.py file FILE FROM TO HZ...   the seconds FROM to TO of one file, reached by seeking as a player does

Prints JSON; of each file its path, form, codec, seconds, how loud it is (root mean square, of 1), and for each pitch for how many
whole seconds it stands out.
"""

import json
import struct
import sys
import zlib
from pathlib import Path

import av
import numpy

RATE = 48_000
MAGIC = b"RTTRACK1"
HEADER = len(MAGIC) + 16 + 4 + 4
# kind, arrived, seq, time, level
PACKET = struct.Struct(">BQQQB")
# What files begin with, or have in them, that hold Opus.
SIGNS = (MAGIC, b"OggS", b"OpusHead", b"dOps")
# How much stronger than what lies around it a pitch is that stands out, in dB; and its amplitude, of 1.
OUT = 25
LOUD = 0.004


def mono(frames) -> numpy.ndarray:
    """Samples from -1 to 1 of decoded frames."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts = [part.to_ndarray().ravel() for frame in [*frames, None] for part in resampler.resample(frame)]
    return numpy.concatenate(parts) if parts else numpy.zeros(0)


def track(data: bytes):
    """Packets of a track as the server writes one while a talk is recorded (crates/media/src/track.rs), up to its torn end."""
    assert zlib.crc32(data[: HEADER - 4]) == int.from_bytes(data[HEADER - 4 : HEADER], "big"), "the header of a track"
    at = HEADER
    while at + 6 <= len(data):
        length, crc = struct.unpack_from(">HI", data, at)
        body = data[at + 6 : at + 2 + length]
        if len(body) < length - 4 or zlib.crc32(body) != crc:
            return
        if body[0] == 1:
            yield body[PACKET.size :]
        at += 2 + length


def decoded(path: Path, data: bytes):
    """Form, codec, seconds as the file says, and the samples of a file; None if it holds no sound."""
    if data.startswith(MAGIC):
        codec = av.CodecContext.create("libopus", "r")
        frames = [frame for packet in track(data) for frame in codec.decode(av.Packet(packet))]
        return "track", "opus", None, mono(frames)
    if data.startswith(b"OggS") or data[4:8] == b"ftyp":
        with av.open(str(path)) as file:
            stream = file.streams.audio[0]
            seconds = float(file.duration / av.time_base) if file.duration else None
            return file.format.name, stream.codec_context.name, seconds, mono(file.decode(stream))
    assert not any(sign in data for sign in SIGNS), f"{path} may hold sound that this program does not know"
    return None


def standing_out(samples: numpy.ndarray, hz: float) -> int:
    """For how many whole seconds a pitch stands out from what lies within 150 Hz of it."""
    window = numpy.hanning(RATE)
    seconds = 0
    for at in range(0, len(samples) - RATE + 1, RATE):
        spectrum = numpy.abs(numpy.fft.rfft(samples[at : at + RATE] * window)) * 2 / window.sum()
        # Bins are 1 Hz wide.
        middle = round(hz)
        line = spectrum[middle - 3 : middle + 4].max()
        around = numpy.median(numpy.concatenate([spectrum[middle - 150 : middle - 20], spectrum[middle + 20 : middle + 150]]))
        seconds += bool(line > LOUD and 20 * numpy.log10(line / max(around, 1e-9)) > OUT)
    return seconds


def told(form, codec, seconds, samples, pitches) -> dict:
    loudness = float(numpy.sqrt(numpy.mean(samples**2))) if len(samples) else 0
    tones = {hz: standing_out(samples, float(hz)) for hz in pitches}
    return {"form": form, "codec": codec, "says": seconds, "seconds": len(samples) / RATE, "loudness": loudness, "tones": tones}


def folder(root: str, *pitches: str) -> list:
    found = []
    for path in sorted(path for path in Path(root).rglob("*") if path.is_file()):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # gone since it was listed
        sound = decoded(path, data)
        if sound:
            found.append({"path": str(path.relative_to(root)), **told(*sound, pitches)})
    return found


def file(path: str, start: str, to: str, *pitches: str) -> dict:
    with av.open(path) as opened:
        stream = opened.streams.audio[0]
        opened.seek(round(float(start) / stream.time_base), stream=stream)
        frames, first = [], None
        for frame in opened.decode(stream):
            if frame.time >= float(to):
                break
            if frame.time + frame.samples / frame.sample_rate > float(start):
                first = frame.time if first is None else first
                frames.append(frame)
        seconds = float(opened.duration / av.time_base)
        return {"first": first, **told(opened.format.name, stream.codec_context.name, seconds, mono(frames), pitches)}


if __name__ == "__main__":
    print(json.dumps({"folder": folder, "file": file}[sys.argv[1]](*sys.argv[2:])))
