-- Organizations that share single sign-on. Accounts are people, and known to all organizations; every other
-- row belongs to one. Membership through a directory or a group is not here: it is a query.

ALTER TABLE organizations ADD COLUMN kind TEXT NOT NULL DEFAULT 'regular';
ALTER TABLE organizations ADD COLUMN plan TEXT NOT NULL DEFAULT 'enterprise';
ALTER TABLE organizations ADD COLUMN admin TEXT;
ALTER TABLE organizations ADD COLUMN scim_name TEXT;
ALTER TABLE organizations ADD COLUMN scim_key TEXT;
ALTER TABLE organizations ADD COLUMN linked BIGINT;
ALTER TABLE organizations ADD COLUMN linked_by TEXT;
CREATE INDEX organizations_by_admin ON organizations (admin, id);
CREATE UNIQUE INDEX organizations_by_scim_key ON organizations (admin, scim_key);

CREATE TABLE group_names (
    org      TEXT NOT NULL,
    key      TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (org, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX group_names_by_group ON group_names (org, group_id);

CREATE INDEX members_that_are_groups ON members (org, group_id, member_id) WHERE kind = 'Group';

-- key is the folded address that the account is known by; password is a hash.
CREATE TABLE accounts (
    id       TEXT   NOT NULL PRIMARY KEY,
    email    TEXT,
    key      TEXT,
    name     TEXT,
    password TEXT,
    created  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX accounts_by_key ON accounts (key);

CREATE TABLE bindings (
    org        TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    account_id TEXT    NOT NULL,
    active     BOOLEAN NOT NULL,
    detached   BOOLEAN NOT NULL,
    PRIMARY KEY (org, user_id)
) WITHOUT ROWID;
CREATE INDEX bindings_by_account ON bindings (account_id, org);

CREATE TABLE grants (
    org        TEXT    NOT NULL,
    account_id TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    note       TEXT,
    suspended  BOOLEAN NOT NULL,
    since      BIGINT,
    PRIMARY KEY (org, account_id, source)
) WITHOUT ROWID;
CREATE INDEX grants_by_account ON grants (account_id, org);

CREATE TABLE roles (
    org        TEXT NOT NULL,
    account_id TEXT NOT NULL,
    role       TEXT NOT NULL,
    PRIMARY KEY (org, account_id)
) WITHOUT ROWID;

-- digest is a keyed hash of the code, hint its last four characters.
CREATE TABLE link_codes (
    org         TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    hint        TEXT   NOT NULL,
    note        TEXT,
    intended    TEXT,
    created     BIGINT NOT NULL,
    created_by  TEXT   NOT NULL,
    expires     BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    redeemed_by TEXT,
    ended       BIGINT,
    PRIMARY KEY (org, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX link_codes_by_digest ON link_codes (digest);

CREATE TABLE domains (
    org      TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    token    TEXT   NOT NULL,
    state    TEXT   NOT NULL,
    created  BIGINT NOT NULL,
    verified BIGINT,
    checked  BIGINT,
    missing  BIGINT,
    PRIMARY KEY (org, id)
) WITHOUT ROWID;
CREATE INDEX domains_by_name ON domains (name);
CREATE UNIQUE INDEX domains_that_hold ON domains (name) WHERE state IN ('verified', 'grace');

CREATE TABLE sso_settings (
    org  TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE teams (
    org      TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    group_id TEXT,
    adopted  BOOLEAN NOT NULL,
    created  BIGINT  NOT NULL,
    PRIMARY KEY (org, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX teams_by_key ON teams (org, key);
CREATE UNIQUE INDEX teams_by_group ON teams (org, group_id);

CREATE TABLE team_members (
    org        TEXT NOT NULL,
    team_id    TEXT NOT NULL,
    account_id TEXT NOT NULL,
    PRIMARY KEY (org, team_id, account_id)
) WITHOUT ROWID;

-- What people sign in to the administrative API with: sessions, personal tokens, the operator's tokens.
CREATE TABLE credentials (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    account_id TEXT,
    digest     TEXT   NOT NULL,
    hint       TEXT   NOT NULL,
    note       TEXT,
    created    BIGINT NOT NULL,
    expires    BIGINT,
    revoked    BIGINT
) WITHOUT ROWID;
CREATE UNIQUE INDEX credentials_by_digest ON credentials (digest);
CREATE INDEX credentials_by_account ON credentials (account_id, id);

-- Tries that failed, of what may not be tried often.
CREATE TABLE attempts (
    subject TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    id      TEXT   NOT NULL,
    PRIMARY KEY (subject, at, id)
) WITHOUT ROWID;

-- Answers to requests that may be sent again. Secrets are not among what is kept.
CREATE TABLE idempotency_keys (
    caller  TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    request TEXT   NOT NULL,
    status  BIGINT NOT NULL,
    body    TEXT   NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_created ON idempotency_keys (created);

CREATE INDEX events_by_target ON events (org, target, id);
