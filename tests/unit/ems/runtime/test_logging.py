"""The log: for people one line each, for machines one JSON document each."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from ems.config.load import parse_site
from ems.runtime.app import JsonLines, set_up_logging


@pytest.fixture
def _root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def record(text: str, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("ems.x", logging.WARNING, "f", 1, text, None, exc_info)  # type: ignore[arg-type]


def test_a_line_for_machines_is_one_document_with_its_trace() -> None:
    try:
        json.loads("no document")
    except ValueError:
        trace = sys.exc_info()

    plain = json.loads(JsonLines().format(record("two\nlines ä")))
    failed = JsonLines().format(record("failed", trace))

    assert plain == {"level": "warning", "area": "ems.x", "text": "two\nlines ä"}
    assert "\n" not in failed
    assert "JSONDecodeError: Expecting value" in json.loads(failed)["trace"]


@pytest.mark.usefixtures("_root")
@pytest.mark.parametrize(
    ("json_lines", "kind"), [("true", JsonLines), ("false", logging.Formatter)]
)
def test_the_configuration_says_how_the_log_looks(json_lines: str, kind: type) -> None:
    told = f'schema = 1\n[log]\nlevel = "error"\njson_lines = {json_lines}\n'

    set_up_logging(parse_site(told).site)

    (handler,) = logging.getLogger().handlers
    assert type(handler.formatter) is kind
    assert logging.getLogger().level == logging.ERROR
    assert logging.getLogger("zeroconf").level == logging.WARNING
