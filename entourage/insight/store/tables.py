"""The tables of insight: facts, their history, what was worked out from them, collecting and imports."""

import sqlalchemy as sa

from entourage.kernel.columns import Id, Instant, Json, metadata

Handle = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""A name as its network compares names, ordered by code points on both databases: an index finds what begins so."""

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("uuid", sa.Text, nullable=False),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("native_id", sa.Text, nullable=False),
    sa.Column("username", sa.Text),
    sa.Column("handle", Handle),
    sa.Column("name", sa.Text),
    sa.Column("biography", sa.Text),
    sa.Column("picture", sa.Text),
    sa.Column("link", sa.Text),
    sa.Column("location", sa.Text),
    sa.Column("followers", sa.BigInteger),
    sa.Column("follows", sa.BigInteger),
    sa.Column("posts", sa.BigInteger),
    sa.Column("is_private", sa.Boolean),
    sa.Column("is_verified", sa.Boolean),
    sa.Column("first_seen", Instant, nullable=False),
    sa.Column("seen_at", Instant),
    sa.Column("gone_at", Instant),
    sa.Column("traits", sa.Integer, nullable=False),
    sa.Column("score", sa.Float),
    sqlite_autoincrement=True,
)
"""Everybody who was seen, also those of whom only an id is known (no `username` then, and `traits` is UNJUDGED).
`handle` is the user name as its network compares names."""
sa.Index("uq_channels_uuid", channels.c.uuid, unique=True)
sa.Index("uq_channels_native_id_network", channels.c.native_id, channels.c.network, unique=True)
sa.Index("ix_channels_handle_network", channels.c.handle, channels.c.network, channels.c.traits, channels.c.gone_at)
sa.Index("ix_channels_id_traits", channels.c.id, channels.c.traits)
sa.Index("ix_channels_followers", channels.c.followers)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("channel_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seen_at", Instant, primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("followers", sa.BigInteger),
    sa.Column("follows", sa.BigInteger),
    sa.Column("posts", sa.BigInteger),
    sqlite_with_rowid=False,
)
"""What a profile's numbers and name were, each time it was seen."""

posts = sa.Table(
    "posts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("native_id", sa.Text, nullable=False),
    sa.Column("author_id", sa.BigInteger, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("caption", sa.Text),
    sa.Column("posted_at", Instant),
    sa.Column("likes", sa.BigInteger),
    sa.Column("comments", sa.BigInteger),
    sa.Column("media", Json, nullable=False),
    sa.Column("tags", Json, nullable=False),
    sa.Column("mentions", Json, nullable=False),
    sa.Column("seen_at", Instant),
    sa.Column("counted_at", Instant),
    sa.Column("gone_at", Instant),
    sqlite_autoincrement=True,
)
"""Posts; of some only the id and (0) no author is known, because somebody liked them: `seen_at` is NULL then.
`counted_at` is when `likes` and `comments` were read, which may be before the post was last seen."""
sa.Index("uq_posts_native_id_network", posts.c.native_id, posts.c.network, unique=True)
sa.Index("ix_posts_author_id_posted_at", posts.c.author_id, posts.c.posted_at)

comments = sa.Table(
    "comments",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("native_id", sa.Text, nullable=False),
    sa.Column("post_id", sa.BigInteger, nullable=False),
    sa.Column("author_id", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("posted_at", Instant),
    sqlite_autoincrement=True,
)
sa.Index("uq_comments_native_id_network", comments.c.native_id, comments.c.network, unique=True)
sa.Index("ix_comments_post_id_author_id", comments.c.post_id, comments.c.author_id)
sa.Index("ix_comments_author_id", comments.c.author_id)

likes = sa.Table(
    "likes",
    metadata,
    sa.Column("post_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("channel_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seen_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("ix_likes_channel_id", likes.c.channel_id)

follows = sa.Table(
    "follows",
    metadata,
    sa.Column("followed_id", sa.BigInteger, autoincrement=False),
    sa.Column("follower_id", sa.BigInteger, autoincrement=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("until", Instant),
    sa.Column("noted_at", Instant, nullable=False),
    sa.Column("noted_before", Instant),
    # PostgreSQL counts who follows from the index alone; SQLite's table is this index.
    sa.PrimaryKeyConstraint("followed_id", "follower_id", postgresql_include=["until"]),
    sqlite_with_rowid=False,
)
"""Who follows whom: first and last seen, and when it was seen to have ended. `noted_at` is when we learned the last
change (it began, ended, began again), `noted_before` the change before that one (NULL: there was none), so that a day's
changes of a channel with a million followers are found without reading the rest, and each is counted once."""
sa.Index("ix_follows_follower_id_followed_id", follows.c.follower_id, follows.c.followed_id)
sa.Index("ix_follows_followed_id_noted_at", follows.c.followed_id, follows.c.noted_at)

mentions = sa.Table(
    "mentions",
    metadata,
    sa.Column("handle", Handle, primary_key=True),
    sa.Column("network", sa.Text, primary_key=True),
    sa.Column("author_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("posts", sa.Integer, nullable=False),
    sa.Column("last_at", Instant),
    sqlite_with_rowid=False,
)
"""In how many of their posts somebody names a handle, kept in step with the posts."""
sa.Index("ix_mentions_author_id_handle", mentions.c.author_id, mentions.c.handle)
sa.Index(
    "ix_mentions_handle_network_posts", mentions.c.handle, mentions.c.network, mentions.c.posts, mentions.c.author_id
)

knowledge = sa.Table(
    "knowledge",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)
"""One row whose number grows with every batch of facts: an answer made before can tell whether it still holds."""

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("taken_at", Instant, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("population", sa.BigInteger),
    sa.Column("whole", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)
"""How many followers, likers or commenters were looked at, of how many there were, and whether these were all."""
sa.Index("ix_samples_channel_id_what", samples.c.channel_id, samples.c.what, samples.c.taken_at)

figures = sa.Table(
    "figures",
    metadata,
    sa.Column("channel_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("counted_at", Instant, nullable=False),
    sa.Column("upto", Instant, nullable=False),
    sa.Column("followers", Json, nullable=False),
    sa.Column("engaged", Json, nullable=False),
    sa.Column("top", Json, nullable=False),
    sa.Column("categories", Json, nullable=False),
)
"""What was counted of a channel: people by country, gender, age and level, of its followers and of who engages; its
largest followers, its categories. `upto` is the last change of follows that is counted in."""

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("format", sa.Text),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("position", Json, nullable=False),
    sa.Column("done_bytes", sa.BigInteger, nullable=False),
    sa.Column("counts", Json, nullable=False),
    sa.Column("bad", sa.BigInteger, nullable=False),
    sa.Column("problems", Json, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sqlite_autoincrement=True,
)
sa.Index("ix_imports_owner_id", imports.c.owner, imports.c.id)
sa.Index("ix_imports_fingerprint", imports.c.fingerprint)

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.BigInteger, nullable=False),
    sa.Column("connection_id", sa.BigInteger),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("server", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("channel_id", sa.BigInteger),
    sa.Column("every_hours", sa.Integer, nullable=False),
    sa.Column("depth", Json, nullable=False),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("next_at", Instant),
    sqlite_autoincrement=True,
)
"""Channels to watch: whom, how often, how deep."""
sa.Index("ix_plans_owner", plans.c.owner)
sa.Index("ix_plans_channel_id", plans.c.channel_id)

collections = sa.Table(
    "collections",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("plan_id", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("todo", Json, nullable=False),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("counts", Json, nullable=False),
    sa.Column("error", sa.Text),
    sqlite_autoincrement=True,
)
"""One run of a plan: what is left to ask for, with its cursors, and what came of it."""
sa.Index("ix_collections_plan_id_started_at", collections.c.plan_id, collections.c.started_at)
