"""A WHEP player on aiortc: neither a browser nor of this project's making.

    player.py SERVER ROOM TOKEN SRTP_PROFILE

Listens with the one SRTP profile named (or any, for "-") and one voice slot until it has decoded two seconds of sound,
and prints one JSON line: {"profile", "packets", "lost", "loudness"}; loudness is the mean absolute sample, of 32768.
"""

import asyncio
import json
import sys

import aiohttp
import aiortc.rtcdtlstransport as dtls
import numpy
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

FRAMES = 100  # of 20 ms
PATIENCE = 30  # seconds


async def listen(server: str, room: str, token: str) -> dict:
    connection = RTCPeerConnection()
    connection.addTransceiver("audio", direction="recvonly")
    loudness: list[float] = []
    enough = asyncio.Event()

    @connection.on("track")
    def on_track(track):
        async def play():
            try:
                while len(loudness) < FRAMES:
                    frame = await track.recv()
                    loudness.append(float(numpy.abs(frame.to_ndarray()).mean()))
                enough.set()
            except MediaStreamError:
                pass

        asyncio.ensure_future(play())

    await connection.setLocalDescription(await connection.createOffer())
    headers = {"authorization": f"Bearer {token}", "content-type": "application/sdp"}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.post(f"{server}/api/rooms/{room}/listen", data=connection.localDescription.sdp) as answer:
            if answer.status != 201:
                raise SystemExit(f"refused: {answer.status} {await answer.text()}")
            location = answer.headers["location"]
            await connection.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
        await asyncio.wait_for(enough.wait(), PATIENCE)
        stats = [s for s in (await connection.getStats()).values() if s.type == "inbound-rtp"]
        async with http.delete(server + location) as ended:
            assert ended.status == 204, ended.status
    await connection.close()
    return {
        "packets": sum(s.packetsReceived for s in stats),
        "lost": sum(s.packetsLost for s in stats),
        "loudness": sum(loudness) / len(loudness),
    }


if __name__ == "__main__":
    server, room, token, profile = sys.argv[1:]
    if profile != "-":
        dtls.SRTP_PROFILES = [p for p in dtls.SRTP_PROFILES if p.openssl_profile.decode() == profile]
    print(json.dumps({"profile": profile, **asyncio.run(listen(server, room, token))}))
