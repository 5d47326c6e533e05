"""Speech quality of recordings: wideband PESQ (ITU-T P.862.2) against what was said.

    score.py SPEECH RECORDING...

SPEECH is a mono 16-bit WAV that was played over and over, each RECORDING one of what was heard. Prints one JSON list:
for each recording the mean score of its whole repetitions, from 1.04 (bad) to 4.64 (as it was said).
"""

import json
import sys
import wave

import numpy
from pesq import NoUtterancesError, pesq

RATE = 16_000  # samples a second, of wideband PESQ


def load(path: str) -> numpy.ndarray:
    """Samples from -1 to 1 at RATE."""
    with wave.open(path) as file:
        assert file.getnchannels() == 1 and file.getsampwidth() == 2, path
        samples = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
        rate = file.getframerate()
    if rate == RATE:
        return samples
    count = len(samples) * RATE // rate
    return numpy.fft.irfft(numpy.fft.rfft(samples)[: count // 2 + 1], count) * count / len(samples)


def beginning(speech: numpy.ndarray, heard: numpy.ndarray) -> int:
    """Where in the first repetition that was heard the speech begins: where the two are most alike."""
    size = len(speech) + len(heard)
    alike = numpy.fft.irfft(numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(speech, size)), size)
    return int(numpy.argmax(numpy.abs(alike[: len(speech)])))


def score(speech: numpy.ndarray, heard: numpy.ndarray) -> float:
    scores = []
    at = beginning(speech, heard)
    while at + len(speech) <= len(heard):
        try:
            scores.append(pesq(RATE, speech, heard[at : at + len(speech)], "wb"))
        except NoUtterancesError:
            scores.append(1.0)
        at += len(speech)
    if not scores:
        raise SystemExit("a recording is shorter than the speech")
    return float(numpy.mean(scores))


if __name__ == "__main__":
    said = load(sys.argv[1])
    print(json.dumps([round(score(said, load(path)), 2) for path in sys.argv[2:]]))
