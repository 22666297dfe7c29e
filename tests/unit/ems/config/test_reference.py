"""The format is described from the models and fits to the examples."""

from __future__ import annotations

from pathlib import Path

from drivers.modbus.mapfile import known_maps
from ems.config.reference import configuration_page, devices, json_schema, reference
from ems.config.schema import Site


def test_the_schema_names_every_section_and_refuses_others() -> None:
    schema = json_schema()

    assert set(schema["properties"]) >= {"schema", "plant", "signal", "steuve", "meter", "circuit"}
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["schema"]


def test_every_key_has_a_description() -> None:
    schema = json_schema()
    bare = [
        f"{name}.{key}"
        for name, part in schema["$defs"].items()
        for key, told in part.get("properties", {}).items()
        if "description" not in told
    ]

    assert bare == []


def test_the_reference_lists_sections_as_the_file_writes_them() -> None:
    text = reference()

    for title in ("## [plant]", "## [signal.contact]", "## [[steuve]]", "## [[meter]]"):
        assert f"{title}\n" in text
    assert "| `failsafe_duration_s` | `7200 … 86400` | `7200` |" in text
    assert "| `rated_w` | `1 … 1000000` | required |" in text
    assert text.count("## ") == len(Site.model_fields) - 1 + 1 + 1


def test_the_page_of_the_documentation_is_current() -> None:
    page = Path(__file__).parents[4] / "docs" / "configuration.md"

    assert page.read_text("utf-8") == configuration_page()  # ems config reference > it


def test_every_device_map_is_listed() -> None:
    text = devices()

    assert all(f"| `{name}` |" in text for name in known_maps())


def test_people_are_not_sent_to_papers_they_do_not_have() -> None:
    assert ".md " not in reference()
