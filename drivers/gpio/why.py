"""Why a GPIO pin could not be had, in words that name cause and action."""

from __future__ import annotations

from typing import Final

NO_LIBRARY: Final = "BadPinFactory"  # by name: importing gpiozero.exc costs what we want to save
ACTION: Final = (
    "see `ems doctor gpio`; on a Raspberry Pi: pip install '.[gpio]', user in group gpio"
)


def reason_of(error: BaseException) -> str:
    """One line for log and status; an error that says nothing is told by its name."""
    text = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == NO_LIBRARY:
        return f"no GPIO chip or no library for it ({text}); {ACTION}"
    if isinstance(error, ImportError):
        return f"{text}; {ACTION}"
    return text
