"""What a page may load: from this site only, and what a view needs beyond that.

The policy of every page is ``CONTENT_SECURITY_POLICY``: no inline script or style, no
frame, no foreign address. A view that cannot live with it says what it needs, and no
other page becomes looser by it::

    @allows(style="unsafe-inline", img="data:")
    def figure_page(request): ...

Script is never loosened: there is no reason that would not undo the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from django.http.response import HttpResponseBase

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)

HEADER: Final = "Content-Security-Policy"

_BASE: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

# What may be asked for, and how it is written in the header. No foreign host among them:
# the site works without any connection to the outside.
_OFFERED: Final[Mapping[str, Mapping[str, str]]] = {
    "style": {"unsafe-inline": "'unsafe-inline'"},
    "img": {"data:": "data:", "blob:": "blob:"},
    "font": {"data:": "data:"},
    "worker": {"self": "'self'", "blob:": "blob:"},
}


def policy(**more: str) -> str:
    """The Content-Security-Policy of a page that needs ``more`` than the others.

    Args:
        more: What a kind of source (style, img, font, worker) is allowed besides this
            site, separated by spaces: ``style="unsafe-inline"``, ``img="data: blob:"``.

    Raises:
        ValueError: a kind or a source that no page of this site may have.
    """
    directives = dict(_BASE)
    for kind, sources in more.items():
        if kind not in _OFFERED:
            raise ValueError(
                f"No view may loosen {kind}-src; what can be: {', '.join(_OFFERED)}."
            )
        for source in sources.split():
            if source not in _OFFERED[kind]:
                raise ValueError(
                    f"{kind}-src may be allowed {', '.join(_OFFERED[kind])}; "
                    f"got {source!r}."
                )
            before = directives.get(f"{kind}-src", "")
            directives[f"{kind}-src"] = f"{before} {_OFFERED[kind][source]}".strip()
    return "; ".join(f"{name} {value}" for name, value in directives.items())


CONTENT_SECURITY_POLICY: Final = policy()


def allows(**more: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give the pages of one view a policy of their own; see :func:`policy`.

    A refusal that the view raises is another page, and keeps the strict policy. For a
    view class: ``allows(...)(View.as_view())``, or ``method_decorator`` on ``dispatch``.
    """
    header = policy(**more)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def looser(*args: P.args, **kwargs: P.kwargs) -> R:
            response = view(*args, **kwargs)
            response.headers[HEADER] = header
            return response

        return looser

    return decorate
