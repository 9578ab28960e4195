-- The organization leads every key: no row is reached without it. Ids, names and JSON are TEXT, times
-- are milliseconds since 1970. Keys are folded by the server; columns compare
-- bytewise, as on SQLite: COLLATE "C".

CREATE TABLE settings (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE organizations (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL,
    domains TEXT COLLATE "C" NOT NULL,
    created BIGINT           NOT NULL
);

-- The secret itself is nowhere: digest is its SHA-256, hint its last four characters.
CREATE TABLE tokens (
    org       TEXT COLLATE "C" NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    digest    TEXT COLLATE "C" NOT NULL,
    hint      TEXT COLLATE "C" NOT NULL,
    preset    TEXT COLLATE "C" NOT NULL,
    scopes    TEXT COLLATE "C" NOT NULL,
    user_id   TEXT COLLATE "C",
    created   BIGINT           NOT NULL,
    expires   BIGINT,
    revoked   BIGINT,
    last_used BIGINT,
    PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX tokens_by_digest ON tokens (digest);

-- body is the truth; the key tables are indexes of it, written in the same transaction.
CREATE TABLE resources (
    org      TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    version  BIGINT           NOT NULL,
    created  BIGINT           NOT NULL,
    modified BIGINT           NOT NULL,
    label    TEXT COLLATE "C",
    body     TEXT COLLATE "C" NOT NULL,
    secrets  TEXT COLLATE "C",
    PRIMARY KEY (org, kind, id)
);
CREATE INDEX resources_by_created ON resources (org, kind, created, id);
CREATE INDEX resources_by_modified ON resources (org, kind, modified, id);

CREATE TABLE resource_counts (
    org  TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    n    BIGINT           NOT NULL,
    PRIMARY KEY (org, kind)
);

-- Values that one resource of a type may hold, and the index to look them up by.
CREATE TABLE unique_keys (
    org  TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    attr TEXT COLLATE "C" NOT NULL,
    key  TEXT COLLATE "C" NOT NULL,
    id   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, kind, attr, key)
);

CREATE TABLE attribute_keys (
    org  TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    attr TEXT COLLATE "C" NOT NULL,
    key  TEXT COLLATE "C" NOT NULL,
    id   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, kind, attr, key, id)
);

CREATE TABLE members (
    org       TEXT COLLATE "C" NOT NULL,
    group_id  TEXT COLLATE "C" NOT NULL,
    member_id TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    display   TEXT COLLATE "C",
    PRIMARY KEY (org, group_id, member_id)
);
CREATE INDEX members_by_member ON members (org, member_id, group_id);

-- The log: one row a change, in the transaction that made it.
CREATE TABLE events (
    org        TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    at         BIGINT           NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    actor      TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    target     TEXT COLLATE "C" NOT NULL,
    detail     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, id)
);
