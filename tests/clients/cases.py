"""What every case shares: the register of cases, the texts, the image, the tools."""

import json
import time

CASES = []

# One red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
# The end of a model's name, and what the mock does for it.
ENDS = {
    "": "",
    "-429": "error=rate-limit retry-after=1 header=x-should-retry:false",
    "-context": "error=context",
    "-overloaded": "error=overloaded",
}
ASK = "Zażółć the weather in Paris?"


def case(client, name, skip=()):
    """Registers a function of (base, model) as a case; `skip` names provider types that cannot do it."""

    def register(function):
        CASES.append((client, name, function, skip))
        return function

    return register


def broken(model, end):
    """The model of the same provider type that answers with an error; the mock itself is told by a marker."""
    return f"{model}[[mock {ENDS[end]}]]" if model == "m-direct" else model + end


def equal(got, expected, what="value"):
    assert got == expected, f"{what}: expected {expected!r}, got {got!r}"


def holds(condition, what):
    assert condition, what


def raises(kind, call, status=None):
    """The exception of this kind that the call ends in."""
    try:
        got = call()
    except kind as error:
        if status is not None:
            equal(getattr(error, "status_code", None), status, "status")
        return error
    except Exception as error:  # noqa: BLE001
        raise AssertionError(f"expected {kind.__name__}, got {type(error).__name__}: {error}") from error
    raise AssertionError(f"expected {kind.__name__}, got an answer: {got!r}")


def parsed(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise AssertionError(f"not JSON: {text!r}") from error


def recent(seconds):
    holds(abs(time.time() - seconds) < 3600, f"not a time of now: {seconds}")
