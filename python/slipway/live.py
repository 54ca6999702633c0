"""`slipway run --live`: one script in each page, which loads it again when something was saved.

Whole pages only: what is streamed, encoded, or no HTML with an end of its body is left alone.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Headers = list[tuple[str, str]]

# What a browser kept would carry an old stamp, and be loaded again and again.
NOT_KEPT = ("content-length", "cache-control", "etag", "last-modified", "expires")


def is_page(status: str, headers: Headers) -> bool:
    names = {name.lower(): value.lower() for name, value in headers}
    is_html = names.get("content-type", "").startswith("text/html")
    return (
        is_html and "content-encoding" not in names and not status.startswith(("204", "206", "304"))
    )


def is_whole(result: Any) -> bool:
    """A list, or a response of Django's that is no stream."""
    return isinstance(result, list | tuple) or getattr(result, "streaming", None) is False


def insert(page: bytes, script: bytes) -> bytes:
    """Before the last </body>; as it was without one."""
    at = page.lower().rfind(b"</body")
    return page if at < 0 else page[:at] + script + page[at:]


class Page:
    """The body in place of the application's iterable, which is closed with it."""

    def __init__(self, body: bytes, result: Iterable[bytes]):
        self.body, self.result = body, result

    def __iter__(self) -> Iterator[bytes]:
        return iter((self.body,))

    def close(self) -> None:
        close = getattr(self.result, "close", None)
        if close is not None:
            close()


class Held:
    """start_response that waits until the body was looked at."""

    def __init__(self, start_response: Callable[..., Any]):
        self.start_response = start_response
        self.arguments: tuple[Any, ...] = ()
        self.is_through = False  # nothing is held any more

    def __call__(self, *arguments: Any) -> Any:
        if self.is_through:
            return self.start_response(*arguments)
        self.arguments = arguments
        return self.write

    def write(self, data: bytes) -> Any:
        """An application that sends its body by the call of old."""
        return self.let_go()(data)

    def let_go(self) -> Any:
        self.is_through = True
        arguments, self.arguments = self.arguments, ()
        return self.start_response(*arguments) if arguments else None

    def finish(self, result: Any, script: bytes) -> Any:
        if not self.arguments or not is_page(*self.arguments[:2]) or not is_whole(result):
            if not self.is_through:
                self.let_go()
            return result
        old = b"".join(result)
        body = insert(old, script)
        if body != old:
            status, headers, *rest = self.arguments
            headers = [pair for pair in headers if pair[0].lower() not in NOT_KEPT]
            headers += [("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
            self.arguments = (status, headers, *rest)
        self.let_go()
        return Page(body, result)


def make(
    application: Callable[..., Any], path: str, stamp: Callable[[], str]
) -> Callable[..., Any]:
    """path: of the script; stamp: what the page is made of, as the edge counts it."""

    def live(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        script = f'<script src="{path}?since={stamp()}"></script>'.encode()
        if environ.get("REQUEST_METHOD") == "HEAD":
            return application(environ, start_response)
        environ.pop("HTTP_ACCEPT_ENCODING", None)  # GZipMiddleware would hide the page from us
        held = Held(start_response)
        return held.finish(application(environ, held), script)

    return live
