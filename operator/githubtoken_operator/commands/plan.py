"""`githubtoken plan`: whether an App can have so many tokens under GitHub's limits.

What there is, or what somebody thinks of, goes through the operator's own lanes in virtual time
(`domain.runs.forecast`). Nothing is asked of GitHub, and nothing is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import click

from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.cluster.session import Session, complaint, in_cluster
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.terminal import ages, layout, options
from githubtoken_operator.commands.terminal.layout import Format, document
from githubtoken_operator.commands.terminal.options import Parsed, Where
from githubtoken_operator.domain.lanes.order import REQUESTS_PER_MINUTE
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken, parse_token
from githubtoken_operator.domain.runs import forecast
from githubtoken_operator.domain.runs.forecast import Forecast, Planned
from githubtoken_operator.domain.vocabulary.times import format_duration, parse_duration, parse_time

MOST: Final = 20_000
"""Tokens of one App; more take minutes to think through, and no App can have them."""
LIFE: Final = timedelta(hours=1)
"""Of an installation token."""
LONGEST_LIFE: Final = timedelta(days=365)
"""More than any token that is renewed has."""
USER_LIFE: Final = timedelta(hours=8)
"""Of a user token."""
USER_REQUESTS: Final = 2000 / 60
"""Refreshes a minute that GitHub lets one App make."""
_DURATION: Final = Parsed("duration", parse_duration)


@dataclass(frozen=True, slots=True)
class Group:
    """The tokens of one kind of one App, or of several Apps that are alike."""

    app: str
    tokens: Sequence[Planned]
    per_minute: float


@click.command("plan", short_help="Say how many tokens GitHub lets an App have.")
@options.at_a_place
@options.all_namespaces
@options.selector
@options.output()
@click.option("--tokens", type=click.IntRange(1), help="Think of so many tokens, instead of those in the cluster.")
@click.option("--apps", type=click.IntRange(1), help="On so many Apps (default: 1).")
@click.option("--installations", type=click.IntRange(1), help="On so many installations of each App (default: 1).")
@click.option("--life", type=_DURATION, help="How long one lives (default: 1h).")
@click.option("--renew-before", type=_DURATION, help="How long before its end it is renewed (default: a third of it).")
@click.option(
    "--github-requests-per-minute",
    "per_minute",
    type=click.IntRange(1, 100_000),
    default=REQUESTS_PER_MINUTE,
    show_default=True,
    help="What the operator runs with.",
)
def plan(
    where: Where,
    *,
    all_namespaces: bool,
    selector: str | None,
    output: Format | None,
    per_minute: int,
    **thought: Any,  # noqa: ANN401 - what `thought_of` takes
) -> None:
    """Say how many tokens GitHub lets an App have, and which would expire; with -A of ClusterGitHubTokens too.

    \b
    githubtoken plan
    githubtoken plan -A -o json
    githubtoken plan --tokens 3000
    githubtoken plan --apps 10 --tokens 10000 --renew-before 30m
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    if thought["tokens"] is not None:
        if where.namespace or all_namespaces or selector:
            raise click.UsageError("--tokens goes with neither --namespace, --all-namespaces nor --selector")
        show([thought_of(per_minute=per_minute, **thought)], output)
        return
    if given := [name for name, value in thought.items() if value is not None]:
        raise click.UsageError(f"--{given[0].replace('_', '-')} needs --tokens")

    async def work(session: Session) -> None:
        found = await session.search(None if all_namespaces else session.namespace, selector)
        found += await _clusterwide(session, selector) if all_namespaces else []
        groups = grouped((parse_token(token.body) for token in found), utc_now(), per_minute)
        if not groups:
            click.echo("There is no GitHubToken that GitHub is asked for here.", err=True)
            return
        show(groups, output)

    in_cluster(where, work)


async def _clusterwide(session: Session, selector: str | None) -> list[Snapshot]:
    """The ClusterGitHubTokens, which take from the limits of the same Apps; none where they may not be seen."""
    try:
        return await session.search("", selector)
    except ApiError as error:
        if error.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            raise
        click.echo(f"ClusterGitHubTokens are not counted: {complaint(error)}", err=True)
        return []


def thought_of(
    *,
    tokens: int,
    apps: int | None,
    installations: int | None,
    life: timedelta | None,
    renew_before: timedelta | None,
    per_minute: float,
) -> Group:
    """So many tokens that somebody thinks of. Raises `click.UsageError`."""
    each, lives = -(-tokens // (apps or 1)), LIFE if life is None else life
    if each > MOST:
        raise click.UsageError(f"--tokens must be at most {MOST} for each App, not {each}")
    if lives <= timedelta(minutes=1):
        raise click.UsageError("--life must be more than a minute")
    if lives > LONGEST_LIFE:
        raise click.UsageError(f"--life must be at most {format_duration(LONGEST_LIFE)}")
    if renew_before is not None and renew_before < forecast.SHORTEST:
        raise click.UsageError(f"--renew-before must be at least {format_duration(forecast.SHORTEST)}, as in a spec")
    if renew_before is not None and renew_before >= lives:
        raise click.UsageError(f"--renew-before must be less than the life, {format_duration(lives)}")
    name = f"each of {apps} Apps" if apps and apps > 1 else "one App"
    places = min(installations or 1, each)
    return Group(
        name, [Planned(f"token {n}", f"{n % places}", lives, renew_before) for n in range(each)], float(per_minute)
    )


def grouped(tokens: Iterable[GitHubToken], now: datetime, per_minute: float) -> list[Group]:
    """The tokens of each App that are renewed; personal ones are only checked."""
    found: defaultdict[tuple[str, bool], list[Planned]] = defaultdict(list)
    for token in tokens:
        if token.invalid is None and token.personal is None and not token.suspend:
            where = token.app if token.app_kind != "GitHubApp" else f"{token.namespace}/{token.app}"
            found[f"{token.app_kind} {where}", token.user is not None].append(planned(token, now))
    return [
        Group(f"{app}, user tokens" if users else app, members, min(per_minute, USER_REQUESTS) if users else per_minute)
        for (app, users), members in sorted(found.items())
    ]


def planned(token: GitHubToken, now: datetime) -> Planned:
    """One that is there, as far as its status says."""
    expires, renews = (parse_time(token.status.get(name)) for name in ("expirationTime", "renewalTime"))
    known = token.status.get("installation") or {}
    selector = token.installation.selector if token.installation else ""
    return Planned(
        name="/".join(part for part in (token.namespace, token.name) if part),
        installation=f"{known['id']}" if "id" in known else selector,
        life=USER_LIFE if token.user is not None else LIFE,
        renew_before=token.renew_before,
        renew_before_percentage=token.renew_before_percentage,
        left=max(expires - now, timedelta()) if expires else None,
        due=max(renews - now, timedelta()) if renews else None,
    )


def show(groups: Sequence[Group], output: Format | None) -> None:
    """Prints what becomes of them."""
    if over := [group for group in groups if len(group.tokens) > MOST]:
        raise click.ClickException(f"{over[0].app} has more than {MOST} tokens, which no App can have")
    found = [(group, forecast.forecast(group.tokens, per_minute=group.per_minute)) for group in groups]
    if output is not None:
        click.echo(document({"apps": [as_document(group, what) for group, what in found]}, output))
        return
    rows = [row for group, what in found for row in as_rows(group, what)]
    click.echo(
        layout.table(
            ["APP", "TOKENS", "NEEDS/MIN", "ALLOWED/MIN", "ALL SERVED", "FIRST EXPIRES", "IF ALL ARE DUE AT ONCE"], rows
        )
    )


def as_rows(group: Group, what: Forecast) -> list[list[str]]:
    """The App's row, and one for each installation where there are several."""
    rows = [
        [
            group.app,
            f"{what.tokens}",
            f"{what.needed:.1f}",
            f"{what.allowed:.0f}",
            ages.length(what.served) if what.served is not None else "never",
            f"in {ages.length(what.expires)}" if what.expires is not None else "none",
            fits(what),
        ]
    ]
    installations = by_installation(group)
    if len(installations) > 1:
        rows += [
            [f"  {name}", f"{len(members)}", f"{forecast.needed(members):.1f}", "", "", "", ""]
            for name, members in installations.items()
        ]
    return rows


def fits(what: Forecast) -> str:
    """Which `renewBefore` would fit, in words."""
    if not what.fits:
        return f"none: at most {most(what)} tokens"
    return f"renewBefore {ages.length(what.lowest)} to {ages.length(what.highest)}"


def most(what: Forecast) -> int:
    """How many tokens of the same life could be renewed even if all were due at once."""
    life = what.highest + timedelta(minutes=what.tokens / what.allowed)
    return int(what.allowed * life.total_seconds() / 60 / 2)


def as_document(group: Group, what: Forecast) -> Mapping[str, Any]:
    """The same for programs; times in seconds from now."""
    return {
        "app": group.app,
        "tokens": what.tokens,
        "neededPerMinute": round(what.needed, 2),
        "allowedPerMinute": round(what.allowed, 2),
        "allServedAfterSeconds": _seconds(what.served),
        "firstExpiresAfterSeconds": _seconds(what.expires),
        "firstExpires": what.expired,
        "renewBefore": {
            "fits": what.fits,
            "lowestSeconds": _seconds(what.lowest),
            "highestSeconds": _seconds(what.highest) if what.fits else None,
        },
        "mostTokens": most(what),
        "installations": [
            {"installation": name, "tokens": len(members), "neededPerMinute": round(forecast.needed(members), 2)}
            for name, members in by_installation(group).items()
        ],
    }


def by_installation(group: Group) -> dict[str, list[Planned]]:
    """Its tokens, by installation."""
    found: defaultdict[str, list[Planned]] = defaultdict(list)
    for each in group.tokens:
        found[each.installation].append(each)
    return dict(found)


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else round(length.total_seconds())
