"""People who talk, on aiortc: neither browsers nor of this project's making.

    speaker.py SERVER ROOM SCRIPT

SCRIPT is JSON: [{"token": bearer token, "parts": [[from, to, sound], ...]}, ...], in seconds; a sound is a pitch in Hz, or the
path of a mono 16-bit WAV of 48 kHz that is played over and over; between the parts they are silent. Everybody publishes by WHIP.
Prints one JSON line {"event": "publishing"} when all do, begins the script when a line comes on standard input, prints
{"event": "over"} after the last part, and ends when standard input does.
"""

import asyncio
import fractions
import json
import sys
import time
import wave

import aiohttp
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

RATE = 48_000
FRAME = 960  # samples: 20 ms
PATIENCE = 30  # seconds


def voice(hz: float) -> numpy.ndarray:
    """A second of a voice with a known pitch, which is its strongest part: it rises and falls four times, as syllables do."""
    t = numpy.arange(RATE) / RATE
    turn = 2 * numpy.pi * t
    waves = 0.6 * numpy.sin(hz * turn) + 0.2 * numpy.sin(2 * hz * turn) + 0.1 * numpy.sin(3 * hz * turn)
    return 0.5 * (0.55 + 0.45 * numpy.sin(4 * turn)) * waves


def speech(path: str) -> numpy.ndarray:
    with wave.open(path) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE), path
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32_768


class Talk(MediaStreamTrack):
    """What one of them says: silence until `begin` is set, then the parts, then silence."""

    kind = "audio"

    def __init__(self, parts, begin: asyncio.Event):
        super().__init__()
        sounds = [speech(sound) if isinstance(sound, str) else voice(sound) for _, _, sound in parts]
        self.script = numpy.zeros(round(RATE * max(to for _, to, _ in parts)))
        for (start, to, _), sound in zip(parts, sounds):
            first, last = round(RATE * start), round(RATE * to)
            self.script[first:last] = numpy.resize(sound, last - first)
        self.begin = begin
        self.over = asyncio.Event()
        self.sent = self.said = 0
        self.since = None

    async def recv(self) -> AudioFrame:
        if self.since is None:
            # Not from when it was made: what lies between would be sent all at once.
            self.since = time.monotonic()
        await asyncio.sleep(max(0, self.since + self.sent / RATE - time.monotonic()))
        samples = numpy.zeros(FRAME)
        if self.begin.is_set():
            part = self.script[self.said : self.said + FRAME]
            samples[: len(part)] = part
            self.said += FRAME
            if self.said > len(self.script):
                self.over.set()
        frame = AudioFrame.from_ndarray((32_767 * samples).astype(numpy.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.sent, fractions.Fraction(1, RATE)
        self.sent += FRAME
        return frame


async def publish(http, server: str, room: str, token: str, talk: Talk) -> RTCPeerConnection:
    connection = RTCPeerConnection()
    connection.addTransceiver(talk, direction="sendonly")
    up = asyncio.Event()
    connection.on("connectionstatechange", lambda: up.set() if connection.connectionState == "connected" else None)
    await connection.setLocalDescription(await connection.createOffer())
    headers = {"authorization": f"Bearer {token}", "content-type": "application/sdp"}
    async with http.post(f"{server}/api/rooms/{room}/publish", data=connection.localDescription.sdp, headers=headers) as answer:
        if answer.status != 201:
            raise SystemExit(f"refused: {answer.status} {await answer.text()}")
        await connection.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
    await asyncio.wait_for(up.wait(), PATIENCE)
    return connection


def tell(event: str) -> None:
    print(json.dumps({"event": event}), flush=True)


async def main(server: str, room: str, script) -> None:
    begin = asyncio.Event()
    talks = [Talk(one["parts"], begin) for one in script]
    line = asyncio.get_running_loop().run_in_executor
    async with aiohttp.ClientSession() as http:
        pairs = zip(script, talks)
        connections = await asyncio.gather(*(publish(http, server, room, one["token"], talk) for one, talk in pairs))
        tell("publishing")
        await line(None, sys.stdin.readline)
        begin.set()
        for talk in talks:
            await talk.over.wait()
        tell("over")
        await line(None, sys.stdin.readline)
        for connection in connections:
            await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
