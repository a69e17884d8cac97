"""Counts words. The proxy that urllib uses is set by the host; there is no other way out."""

import collections
import re
import urllib.error
import urllib.request

from cloned_worker import ToolError, serve

LIMIT = 1_000_000


def count(text):
    words = re.findall(r"\w+", text.lower())
    most = collections.Counter(words).most_common(3)
    return {"words": len(words), "most": [word for word, _ in most]}


def page(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read(LIMIT).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise ToolError("The page was not had: " + str(error), "PAGE") from error
    return count(re.sub(r"<[^>]*>", " ", text))


serve(
    "acme.python-words",
    "1.0.0",
    {
        "acme.python-words.count@v1": lambda given: count(given["text"]),
        "acme.python-words.page@v1": lambda given: page(given["url"]),
    },
)
