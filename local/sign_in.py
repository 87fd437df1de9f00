"""Signs people in at the local stack's user pool, as a browser does: the sign-in pages, a code by email, PKCE."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

from local.sam import StackError

if TYPE_CHECKING:
    from local.stack import Stack

GROUPS = {"operator": "operators", "admin": "admins"}
# The one code that MiniStack mails.
CODE = "123456"
SCOPES = "openid email profile aws.cognito.signin.user.admin"


@dataclass(frozen=True)
class Tokens:
    access: str
    id: str
    refresh: str


def sign_in(stack: Stack, email: str, *, role: str | None = None) -> Tokens:
    """The tokens of the person with this address, who is made first, and put into the role's group, where need be.

    Raises ``StackError`` when the user pool does not let them in.
    """
    pool = stack.client("cognito-idp")
    _have_user(pool, stack.user_pool_id, email)
    if role is not None:
        pool.admin_add_user_to_group(UserPoolId=stack.user_pool_id, Username=email, GroupName=GROUPS[role])
    client = pool.describe_user_pool_client(UserPoolId=stack.user_pool_id, ClientId=stack.user_pool_client_id)
    callback = client["UserPoolClient"]["CallbackURLs"][0]
    with httpx.Client(base_url=stack.endpoint_url, timeout=30) as browser:
        return _walk_through_pages(browser, stack.user_pool_client_id, callback, email)


def _have_user(pool: Any, pool_id: str, email: str) -> None:
    with contextlib.suppress(pool.exceptions.UsernameExistsException):
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        pool.admin_create_user(UserPoolId=pool_id, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS")
        # In AWS, a user without a password is confirmed; in MiniStack, one with a password that is theirs to keep.
        password = f"{secrets.token_urlsafe(24)}aA1!"
        pool.admin_set_user_password(UserPoolId=pool_id, Username=email, Password=password, Permanent=True)


def _walk_through_pages(browser: httpx.Client, client_id: str, callback: str, email: str) -> Tokens:
    """The authorization code flow with PKCE (RFC 7636)."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    request = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": callback,
        "scope": SCOPES,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    page = browser.get("/oauth2/authorize", params=request)
    for answer in ({"username": email}, {"challenge": "EMAIL_OTP"}, {"code": CODE}):
        page = browser.post("/login", data={**_hidden_fields(page.text), **answer})
    back = parse_qs(urlsplit(page.headers.get("location", "")).query)
    if not page.is_redirect or back.get("state") != [state] or "code" not in back:
        raise StackError(f"the user pool did not let {email} in")
    grant = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": back["code"][0],
        "redirect_uri": callback,
        "code_verifier": verifier,
    }
    answered = browser.post("/oauth2/token", data=grant)
    if answered.is_error:
        raise StackError(f"the user pool gave no tokens: {answered.text}")
    tokens = answered.json()
    return Tokens(tokens["access_token"], tokens["id_token"], tokens["refresh_token"])


def _hidden_fields(page: str) -> dict[str, str]:
    """What a page's form sends back by itself."""
    form = _Form()
    form.feed(page)
    return form.fields


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "input" and said.get("type") == "hidden":
            self.fields[str(said["name"])] = said.get("value") or ""
