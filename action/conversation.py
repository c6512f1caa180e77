"""The comments under a pull request, by GitHub's REST API.

Of ours there is one for each first line, a hidden marker. It is edited where it is there, and made where it is not.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import aiohttp
from pydantic import BaseModel, RootModel, ValidationError

PAGE: Final = 100  # comments, the most that GitHub gives at a time
TIMEOUT_S: Final = 30.0
WAITS_S: Final = (1.0, 4.0, 16.0)  # before each further try, when the server does not say how long
MOST_WAIT_S: Final = 60.0  # whatever it says

Model = TypeVar("Model", bound=BaseModel)


class NoCommentError(Exception):
    """There can be no comment, and that is no failure. The message says why."""


class ApiError(Exception):
    """The API did not do what it was asked to. The message says what, and how it was answered."""


class BusyError(ApiError):
    """It may do so later: after ``wait_s``, if it has said."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class User(BaseModel):
    """Who wrote a comment. ``type`` is ``Bot`` for an app, which a job's own token is of too."""

    login: str
    type: str


class Comment(BaseModel):
    """One that is there. ``user`` is None when its author is gone."""

    id: int
    html_url: str
    body: str | None
    user: User | None


class Refusal(BaseModel):
    """What the API says along with an error."""

    message: str


@dataclass(frozen=True)
class Conversation:
    """The comments under one pull request. ``session`` is with GitHub's REST API, ``repository`` its owner and name."""

    session: aiohttp.ClientSession
    repository: str
    number: int

    async def put(self, body: str) -> Comment:
        """Edit our comment with the same first line, or make one. Raises ApiError; NoCommentError without permission.

        What was put is found when it is put again, so that every failure can be followed by another try.
        """
        ours = await self._ours(first_line(body))
        if ours is None:
            content, _ = await self._ask("POST", f"repos/{self.repository}/issues/{self.number}/comments", body)
        else:
            content, _ = await self._ask("PATCH", f"repos/{self.repository}/issues/comments/{ours.id}", body)
        return _understood(Comment, content)

    async def _ours(self, marker: str) -> Comment | None:
        """The oldest. A comment that somebody else begins like ours is theirs, and not touched."""
        login = await self._login()
        async for comment in self._comments():
            if first_line(comment.body or "") == marker and _is_by(comment.user, login):
                return comment
        return None

    async def _login(self) -> str | None:
        """Whose token it is; None for that of an app, which may not ask."""
        try:
            content, _ = await self._ask("GET", "user")
        except NoCommentError:
            return None
        return _understood(User, content).login

    async def _comments(self) -> AsyncIterator[Comment]:
        url: str | None = f"repos/{self.repository}/issues/{self.number}/comments?per_page={PAGE}"
        while url:
            content, url = await self._ask("GET", url)
            for comment in _understood(RootModel[list[Comment]], content).root:
                yield comment

    async def _ask(self, method: str, url: str, body: str | None = None) -> tuple[bytes, str | None]:
        """The answer, and where it goes on."""
        sent = None if body is None else {"body": body}
        try:
            async with self.session.request(method, url, json=sent, allow_redirects=False) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BusyError(f"{method} {url}: {str(error) or 'no answer in time'}") from error
        _check(f"{method} {url}", response, content)
        following = response.links.get("next")
        return content, str(following["url"]) if following else None


def _is_by(user: User | None, login: str | None) -> bool:
    return user is not None and (user.type == "Bot" if login is None else user.login == login)


def _check(what: str, response: aiohttp.ClientResponse, content: bytes) -> None:
    """Raise what the status comes to."""
    if 200 <= response.status < 300:
        return
    said = f"{what}: {response.status} {_refusal(content) or response.reason}"
    if response.status == HTTPStatus.FORBIDDEN:
        raise NoCommentError(said)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= 500:
        raise BusyError(said, _seconds(response.headers.get("Retry-After", "")))
    raise ApiError(said)


def _refusal(content: bytes) -> str:
    try:
        return Refusal.model_validate_json(content).message
    except ValidationError:
        return ""


def _seconds(text: str) -> float | None:
    return min(float(text), MOST_WAIT_S) if text.isdecimal() and text.isascii() else None


def _understood(model: type[Model], content: bytes) -> Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise ApiError(f"the answer can't be understood: {error.errors()[0]['msg']}") from error


async def post(api_url: str, repository: str, number: int, token: str, body: str) -> Comment:
    """Put the comment, with patience. Raises ApiError and NoCommentError."""
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "User-Agent": "harness",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(f"{api_url}/", headers=headers, timeout=timeout) as session:
        conversation = Conversation(session, repository, number)
        for wait_s in WAITS_S:
            try:
                return await conversation.put(body)
            except BusyError as error:
                await asyncio.sleep(wait_s if error.wait_s is None else error.wait_s)
        return await conversation.put(body)


def first_line(text: str) -> str:
    """Which is what the comment is known by."""
    return text.partition("\n")[0].rstrip()
