-- The organization leads every key: no row is reached without it. Ids, names and JSON are TEXT, times
-- are milliseconds since 1970. Keys are folded by the server; columns compare bytewise.

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE organizations (
    id      TEXT   NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL,
    domains TEXT   NOT NULL,
    created BIGINT NOT NULL
) WITHOUT ROWID;

-- The secret itself is nowhere: digest is its SHA-256, hint its last four characters.
CREATE TABLE tokens (
    org       TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    digest    TEXT   NOT NULL,
    hint      TEXT   NOT NULL,
    preset    TEXT   NOT NULL,
    scopes    TEXT   NOT NULL,
    user_id   TEXT,
    created   BIGINT NOT NULL,
    expires   BIGINT,
    revoked   BIGINT,
    last_used BIGINT,
    PRIMARY KEY (org, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX tokens_by_digest ON tokens (digest);

-- body is the truth; the key tables are indexes of it, written in the same transaction.
CREATE TABLE resources (
    org      TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    label    TEXT,
    body     TEXT   NOT NULL,
    secrets  TEXT,
    PRIMARY KEY (org, kind, id)
);
CREATE INDEX resources_by_created ON resources (org, kind, created, id);
CREATE INDEX resources_by_modified ON resources (org, kind, modified, id);

CREATE TABLE resource_counts (
    org  TEXT   NOT NULL,
    kind TEXT   NOT NULL,
    n    BIGINT NOT NULL,
    PRIMARY KEY (org, kind)
) WITHOUT ROWID;

-- Values that one resource of a type may hold, and the index to look them up by.
CREATE TABLE unique_keys (
    org  TEXT NOT NULL,
    kind TEXT NOT NULL,
    attr TEXT NOT NULL,
    key  TEXT NOT NULL,
    id   TEXT NOT NULL,
    PRIMARY KEY (org, kind, attr, key)
) WITHOUT ROWID;

CREATE TABLE attribute_keys (
    org  TEXT NOT NULL,
    kind TEXT NOT NULL,
    attr TEXT NOT NULL,
    key  TEXT NOT NULL,
    id   TEXT NOT NULL,
    PRIMARY KEY (org, kind, attr, key, id)
) WITHOUT ROWID;

CREATE TABLE members (
    org       TEXT NOT NULL,
    group_id  TEXT NOT NULL,
    member_id TEXT NOT NULL,
    kind      TEXT NOT NULL,
    display   TEXT,
    PRIMARY KEY (org, group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX members_by_member ON members (org, member_id, group_id);

-- The log: one row a change, in the transaction that made it.
CREATE TABLE events (
    org        TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    target     TEXT   NOT NULL,
    detail     TEXT   NOT NULL,
    PRIMARY KEY (org, id)
) WITHOUT ROWID;
