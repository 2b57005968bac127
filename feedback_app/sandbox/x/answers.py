"""The JSON shapes of X's responses: posts, users and errors."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from feedback_app.sandbox.x.state import Post, User

POST_FIELDS = frozenset(
    [
        "article",
        "attachments",
        "author_id",
        "card_uri",
        "community_id",
        "context_annotations",
        "conversation_id",
        "created_at",
        "display_text_range",
        "edit_controls",
        "edit_history_tweet_ids",
        "entities",
        "geo",
        "id",
        "in_reply_to_user_id",
        "lang",
        "media_metadata",
        "non_public_metrics",
        "note_tweet",
        "organic_metrics",
        "possibly_sensitive",
        "promoted_metrics",
        "public_metrics",
        "referenced_tweets",
        "reply_settings",
        "scopes",
        "source",
        "suggested_source_links",
        "text",
        "withheld",
    ]
)
USER_FIELDS = frozenset(
    [
        "affiliation",
        "connection_status",
        "created_at",
        "description",
        "entities",
        "id",
        "is_identity_verified",
        "location",
        "most_recent_tweet_id",
        "name",
        "parody",
        "pinned_tweet_id",
        "profile_banner_url",
        "profile_image_url",
        "protected",
        "public_metrics",
        "receives_your_dm",
        "subscription",
        "subscription_type",
        "url",
        "username",
        "verified",
        "verified_followers_count",
        "verified_type",
        "withheld",
    ]
)
EXPANSIONS = frozenset(
    [
        "article.cover_media",
        "article.media_entities",
        "attachments.media_keys",
        "attachments.media_source_tweet",
        "attachments.poll_ids",
        "author_id",
        "edit_history_tweet_ids",
        "entities.mentions.username",
        "geo.place_id",
        "in_reply_to_user_id",
        "entities.note.mentions.username",
        "referenced_tweets.id",
        "referenced_tweets.id.author_id",
    ]
)
PROBLEMS = "https://api.twitter.com/2/problems/"
EDIT_WINDOW_S = 3600


def rfc3339(seconds: float) -> str:
    """Format a time (seconds since the Unix epoch) as X does, with milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def post_object(post: Post, fields: Iterable[str]) -> dict[str, Any]:
    """Return the post with the default fields and the available ones of `fields`."""
    requested = set(fields)
    optional: dict[str, Any] = {
        "author_id": post.author.id,
        "conversation_id": str(post.history[0]),
        "created_at": rfc3339(post.created_at),
        "edit_controls": {
            "edits_remaining": max(0, 6 - len(post.history)),
            "is_edit_eligible": True,
            "editable_until": rfc3339(post.created_at + EDIT_WINDOW_S),
        },
        "lang": post.lang,
        "possibly_sensitive": False,
        "public_metrics": dict.fromkeys(
            (
                "retweet_count",
                "reply_count",
                "like_count",
                "quote_count",
                "bookmark_count",
                "impression_count",
            ),
            0,
        ),
        "reply_settings": "everyone",
    }
    if post.to is not None:
        optional["in_reply_to_user_id"] = post.to.id
    shown = {name: value for name, value in optional.items() if name in requested}
    history = [str(id) for id in post.history[: post.history.index(post.id) + 1]]
    return {"id": str(post.id), "text": post.text, "edit_history_tweet_ids": history} | shown


def user_object(user: User, fields: Iterable[str]) -> dict[str, Any]:
    """Return the user with the default fields and the available ones of `fields`."""
    optional = {"verified": False, "protected": False, "description": "", "location": ""}
    requested = set(fields)
    shown = {name: value for name, value in optional.items() if name in requested}
    return {"id": user.id, "name": user.name, "username": user.username} | shown


def includes(posts: Iterable[Post], expansions: Iterable[str], fields: Iterable[str]) -> Any:
    """Return the `includes` of a response, or None if the expansions request nothing."""
    requested = set(expansions)
    users: dict[str, User] = {}
    for post in posts:
        if "author_id" in requested:
            users[post.author.id] = post.author
        if "in_reply_to_user_id" in requested and post.to is not None:
            users[post.to.id] = post.to
    chosen = list(fields)
    return {"users": [user_object(user, chosen) for user in users.values()]} if users else None


def problem(status: int, title: str) -> dict[str, Any]:
    """Return the body of an error without further detail than its status."""
    return {"title": title, "type": "about:blank", "status": status, "detail": title}


def invalid(parameter: str, value: str, message: str) -> dict[str, Any]:
    """Return the body of a 400 that names the invalid parameter."""
    return {
        "errors": [{"parameters": {parameter: [value]}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": PROBLEMS + "invalid-request",
    }


NOT_ENROLLED: dict[str, Any] = {
    "client_id": "20000001",
    "detail": (
        "When authenticating requests to the Twitter API v2 endpoints, you must use keys and "
        "tokens from a Twitter developer App that is attached to a Project. You can create a "
        "project via the developer portal."
    ),
    "registration_url": "https://developer.twitter.com/en/docs/projects/overview",
    "title": "Client Forbidden",
    "required_enrollment": "Appropriate Level of API Access",
    "reason": "client-not-enrolled",
    "type": PROBLEMS + "client-forbidden",
}
