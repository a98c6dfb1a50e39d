"""What people do: sign in, enter device codes, make personal tokens, and take back what they allowed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from github_simulator.control_client.connection import Connection
from github_simulator.control_client.values import Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from github_simulator.control_client.values import App


class People(Connection):
    """Users and their tokens."""

    def create_user(self, login: str, *, email_verified: bool = True) -> None:
        """A user; users are also made when they are first named."""
        self.call("POST", "/users", {"login": login, "email_verified": email_verified})

    def sign_in(self, app: App, user: str, *, flow: str = "web", scopes: Sequence[str] = ()) -> Pair:
        """Sign a user in at once; `flow="device"` gives a pair that is refreshed without a client secret."""
        body = {"app": app.id, "user": user, "flow": flow, "scopes": list(scopes)}
        return Pair(**self.call("POST", "/sign-ins", body))

    def web_code(
        self, app: App, user: str, *, redirect_uri: str | None = None, code_challenge: str | None = None
    ) -> str:
        """The code that the browser would bring back from the web flow."""
        body = {"app": app.id, "user": user, "redirect_uri": redirect_uri, "code_challenge": code_challenge}
        code: str = self.call("POST", "/web-codes", body)["code"]
        return code

    def create_personal_token(
        self,
        user: str,
        *,
        kind: str = "classic",
        life: float | None = None,
        scopes: Sequence[str] = (),
        utc_offset: int = 0,
    ) -> str:
        """A personal token that a user made.

        Args:
            user: Whose.
            kind: `classic`, `fine-grained`, or `legacy` (40 hexadecimal digits).
            life: Seconds until it expires; None: it does not.
            scopes: Of a classic token.
            utc_offset: Hours: GitHub tells some users the expiry in their own zone.
        """
        body = {"user": user, "kind": kind, "life": life, "scopes": list(scopes), "utc_offset": utc_offset}
        token: str = self.call("POST", "/personal-tokens", body)["token"]
        return token

    def revoke_personal_token(self, token: str) -> None:
        """The user deletes the personal token on GitHub's page."""
        self.call("DELETE", f"/personal-tokens/{sha256(token)}")

    def revoke_grant(self, app: App, user: str) -> None:
        """The user takes the App's authorization back: all tokens of all sign-ins die."""
        self.call("DELETE", "/grants", {"app": app.id, "user": user})

    def device_codes(self) -> list[dict[str, Any]]:
        """The device flows: `user_code`, `app`, `interval`, `expired`, `approved`, `denied`, `consumed`."""
        found: list[dict[str, Any]] = self.call("GET", "/device-codes")
        return found

    def approve(self, user_code: str, user: str) -> None:
        """The user enters the code and agrees."""
        self.call("PATCH", f"/device-codes/{user_code}", {"approve": True, "user": user})

    def deny(self, user_code: str) -> None:
        """The user enters the code and cancels."""
        self.call("PATCH", f"/device-codes/{user_code}", {"approve": False})


def sha256(token: str) -> str:
    """The SHA-256 by which the simulator knows a token."""
    return hashlib.sha256(token.encode()).hexdigest()
