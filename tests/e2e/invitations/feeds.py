"""Reads a feed as other people's programs do, and prints what they find as JSON: feeds.py atom|calendar < FILE"""

import json
import sys

import feedparser
import icalendar


def millis(value):
    return round(value.timestamp() * 1000)


def atom(data):
    read = feedparser.parse(data)
    entry = lambda one: {
        "id": one.get("id"),
        "title": one.get("title"),
        "updated": one.get("updated"),
        "authors": [author.get("name") for author in one.get("authors", [])],
        "links": [(link.rel, link.href) for link in one.get("links", [])],
        "summary": one.get("summary"),
    }
    return {
        "wrong": str(read.get("bozo_exception", "")) if read.bozo else None,
        "version": read.version,
        "id": read.feed.get("id"),
        "title": read.feed.get("title"),
        "updated": read.feed.get("updated"),
        "links": [(link.rel, link.href) for link in read.feed.get("links", [])],
        "entries": [entry(one) for one in read.entries],
    }


def calendar(data):
    read = icalendar.Calendar.from_ical(data)
    event = lambda one: {
        "uid": str(one["UID"]),
        "title": str(one["SUMMARY"]),
        "stamp": millis(one["DTSTAMP"].dt),
        "starts_at": millis(one["DTSTART"].dt),
        "ends_at": millis(one["DTEND"].dt),
        "sequence": int(one["SEQUENCE"]),
        "status": str(one["STATUS"]),
        "url": str(one["URL"]),
        "wrong": [list(error) for error in one.errors],
    }
    return {
        "wrong": [list(error) for error in read.errors],
        "version": str(read["VERSION"]),
        "maker": str(read["PRODID"]),
        "name": str(read.get("X-WR-CALNAME")),
        "kinds": sorted({one.name for one in read.subcomponents}),
        "events": [event(one) for one in read.walk("VEVENT")],
    }


print(json.dumps({"atom": atom, "calendar": calendar}[sys.argv[1]](sys.stdin.buffer.read())))
