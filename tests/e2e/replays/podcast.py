"""Reads a podcast as other people's programs do (feedparser), and prints what they find as JSON: podcast.py < FILE"""

import json
import sys

import feedparser

read = feedparser.parse(sys.stdin.buffer.read())
episode = lambda one: {
    "id": one.get("id"),
    "title": one.get("title"),
    "link": one.get("link"),
    "published": one.get("published_parsed") is not None,
    "summary": one.get("summary"),
    "author": one.get("author"),
    "duration": one.get("itunes_duration"),
    "explicit": one.get("itunes_explicit"),
    "enclosures": [{"href": sound.href, "length": int(sound.length), "type": sound.type} for sound in one.enclosures],
}
print(
    json.dumps(
        {
            "wrong": str(read.get("bozo_exception", "")) if read.bozo else None,
            "version": read.version,
            "title": read.feed.get("title"),
            "link": read.feed.get("link"),
            "language": read.feed.get("language"),
            "summary": read.feed.get("subtitle"),
            "author": read.feed.get("author"),
            "image": read.feed.get("image", {}).get("href"),
            "explicit": read.feed.get("itunes_explicit"),
            "categories": [tag.term for tag in read.feed.get("tags", [])],
            "owner": read.feed.get("publisher_detail") or None,
            "episodes": [episode(one) for one in read.entries],
        }
    )
)
