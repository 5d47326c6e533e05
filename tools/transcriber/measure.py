"""Measures how well and at what cost speech is written down: espeak-ng speaks talks that are in this file, `transcribe` writes them
down, and words are compared.

    measure.py FILE.json
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

HERE = Path(__file__).parent

# Each talk as language, voice of espeak-ng and words a minute. Numbers are written as they are usually written down.
ENGLISH = """
Good evening everybody, and welcome to the evening talk. Tonight we speak about how small towns keep their libraries open. My guest
has run one for many years in a valley where hardly anybody lives. She told me that the building is the warmest place in the village in
winter, and that this is half of the secret. People come for the heating and they stay for the books. We will begin with money, since
everybody asks about it. The council pays for the roof and for the electricity. Everything else comes from readers, from concerts
in the summer, and from a bakery that gives a part of what it earns each month. After that we will talk about children, who borrow more
than anybody else. If you have a question, please raise your hand, and I will call you to the stage. There is no stupid question here. I
asked my guest what she would do with a lot of money, and she said that she would buy another stove.
"""
RUSSIAN = """
Добрый вечер, мы начинаем наш разговор. Сегодня мы говорим о том, как маленькие города сохраняют свои библиотеки. Моя гостья много лет
работает в деревне, где живёт совсем мало людей. Зимой это самое тёплое место в деревне. Люди приходят погреться и остаются ради
книг. Если у вас есть вопрос, поднимите руку, и я позову вас на сцену. Глупых вопросов здесь нет.
"""
TALKS = [
    ("en", "en-gb", 150, ENGLISH),
    ("en", "en-us+f3", 165, ENGLISH),
    ("en", "en-gb-scotland+m3", 140, ENGLISH),
    ("ru", "ru", 130, RUSSIAN),
]
RATE = 16_000


def main(to):
    talks = [measure(*talk) for talk in TALKS]
    report = {
        "scenario": "transcript",
        "talks": talks,
        "cpu_seconds_per_second": round(sum(t["cpu_seconds"] for t in talks) / sum(t["seconds"] for t in talks), 3),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        "commit": run(["git", "describe", "--always", "--dirty=+changes", "--abbrev=12"]).strip(),
    }
    Path(to).parent.mkdir(parents=True, exist_ok=True)
    Path(to).write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


def measure(language, voice, speed, text):
    with tempfile.TemporaryDirectory() as folder:
        spoken, file = Path(folder, "spoken.wav"), Path(folder, "track.wav")
        run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(spoken), text])
        seconds = resample(spoken, file)
        before, began = cpu(), time.monotonic()
        # With bounds as the server sets them.
        bounded = ["/bin/sh", "-c", f'ulimit -v {4 << 20} && exec "$@"', "sh", str(HERE / "transcribe"), str(file), language]
        lines = [json.loads(line) for line in run(bounded).splitlines()]
    wanted, got = words(text), words(" ".join(line["text"] for line in lines))
    return {
        "voice": voice,
        "language": language,
        "languages_heard": sorted({line["language"] for line in lines}),
        "words": len(wanted),
        "wrong": distance(wanted, got),
        "wer": round(distance(wanted, got) / len(wanted), 3),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu() - before, 1),
        "clock_seconds": round(time.monotonic() - began, 1),
    }


def words(text):
    """The words of a text without capitals and punctuation; ё is е, as it is usually written."""
    return re.findall(r"[\w']+", text.lower().replace("ё", "е"))


def distance(wanted, got):
    """The least number of words that were left out, put in or taken for others (Levenshtein)."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def resample(source, to):
    """Writes a file of espeak-ng's at the rate that the agreement has, and returns how many seconds it is long."""
    import numpy

    with wave.open(str(source), "rb") as file:
        rate, samples = file.getframerate(), numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
    seconds = len(samples) / rate
    at = numpy.arange(int(seconds * RATE)) * rate / RATE
    # What a lower rate cannot hold is taken out first: an average over the time of one new sample.
    width = max(round(rate / RATE), 1)
    smooth = numpy.convolve(samples, numpy.ones(width) / width, mode="same")
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        file.writeframes(numpy.interp(at, numpy.arange(len(smooth)), smooth).astype(numpy.int16).tobytes())
    return seconds


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: measure.py FILE.json")
    main(sys.argv[1])
