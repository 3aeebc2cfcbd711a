"""Sessions for the viewer."""

from __future__ import annotations

import json

from app.formats.writing.sts import SessionViewer
from tests.unit.formats.writing.sessions import a_finalized, a_session_of, written


def test_a_session_is_a_file_of_messages() -> None:
    first, *messages = written(SessionViewer(), a_session_of(a_finalized())).rows("sessions/train/t-1.jsonl")

    assert first == {"type": "session", "harness": "pr-telemetry", "id": "t-1", "name": "Wrong totals"}
    assert {message["type"] for message in messages} == {"message"}
    told = [message["message"] for message in messages]
    assert all(isinstance(message["content"], str) and isinstance(message["timestamp"], int) for message in told)
    call = told[1]["toolCalls"][0]
    assert json.loads(call["function"]["arguments"]) == {"file_path": "till.py"}
    assert told[2]["toolCallId"] == call["id"]
    assert told[-1] == {"role": "assistant", "content": "Done.", "timestamp": told[-1]["timestamp"], "model": "m-1"}
