"""A real HTTP server that speaks the chat-completions dialect, with its bad days.

Each request is answered by a function from the request's body to what happens:
a `Says`, or one of the ways in which a server on a bad day fails.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import log
from threading import Lock, Thread
from typing import Any

Tokens = list[tuple[str, dict[str, float]]]


@dataclass(frozen=True)
class Says:
    """A completion: what is written, and the tokens with their rivals' probabilities."""

    text: str | None
    tokens: Tokens | None = None
    refusal: str | None = None
    finish_reason: str = "stop"
    delay_s: float = 0.0

    def document(self, model: object) -> dict[str, Any]:
        choice: dict[str, Any] = {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": self.text,
                "refusal": self.refusal,
            },
            "finish_reason": self.finish_reason,
        }
        if self.tokens is not None:
            choice["logprobs"] = {
                "content": [
                    {
                        "token": token,
                        "logprob": log(rivals.get(token, 1e-9)),
                        "top_logprobs": [
                            {"token": each, "logprob": log(p)}
                            for each, p in rivals.items()
                        ],
                    }
                    for token, rivals in self.tokens
                ]
            }
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": f"{model}-2026",
            "system_fingerprint": "fp-1",
            "choices": [choice],
            "usage": {"prompt_tokens": 40, "completion_tokens": 2},
        }


@dataclass(frozen=True)
class Fails:
    """A status with a body; `half` says a whole body is coming and sends half of it."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    half: bool = False


DROPS = "the connection is closed without a word"
Happening = Says | Fails | str
Behaviour = Callable[[dict[str, Any]], Happening]


class ChatServer:
    """What was asked, with which headers, and how many requests were under way."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.lock = Lock()
        self.url = ""

    @property
    def questions(self) -> list[str]:
        return [body["messages"][0]["content"] for body in self.bodies]


@contextmanager
def chat_server(behave: Behaviour) -> Iterator[ChatServer]:
    """Serve on a free loopback port while the block runs."""
    state = ChatServer(behave)

    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0: one request a connection, so that the end of the block is the end.
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                state.bodies.append(body)
                state.headers.append(dict(self.headers))
                state.at_once += 1
                state.most_at_once = max(state.most_at_once, state.at_once)
                happening = state.behave(body)
            try:
                self.happen(happening, body)
            finally:
                with state.lock:
                    state.at_once -= 1

        def happen(self, what: Happening, body: dict[str, Any]) -> None:
            if isinstance(what, Says):
                time.sleep(what.delay_s)
                what = Fails(body=json.dumps(what.document(body.get("model"))))
            if isinstance(what, str):
                return
            content = what.body.encode()
            self.send_response(what.status)
            for name, value in what.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if what.half else content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # the client hung up first, as a timeout does

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def first_then(*first: Happening, then: Happening) -> Behaviour:
    """Each of the first in turn, and from then on always the last."""
    left = list(first)
    return lambda _: left.pop(0) if left else then
