-- Organizations that share single sign-on. Accounts are people, and known to all organizations; every other
-- row belongs to one. Membership through a directory or a group is not here: it is a query.

ALTER TABLE organizations ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'regular';
ALTER TABLE organizations ADD COLUMN plan TEXT COLLATE "C" NOT NULL DEFAULT 'enterprise';
ALTER TABLE organizations ADD COLUMN admin TEXT COLLATE "C";
ALTER TABLE organizations ADD COLUMN scim_name TEXT COLLATE "C";
ALTER TABLE organizations ADD COLUMN scim_key TEXT COLLATE "C";
ALTER TABLE organizations ADD COLUMN linked BIGINT;
ALTER TABLE organizations ADD COLUMN linked_by TEXT COLLATE "C";
CREATE INDEX organizations_by_admin ON organizations (admin, id);
CREATE UNIQUE INDEX organizations_by_scim_key ON organizations (admin, scim_key);

CREATE TABLE group_names (
    org      TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, key)
);
CREATE UNIQUE INDEX group_names_by_group ON group_names (org, group_id);

CREATE INDEX members_that_are_groups ON members (org, group_id, member_id) WHERE kind = 'Group';

-- key is the folded address that the account is known by; password is a hash.
CREATE TABLE accounts (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email    TEXT COLLATE "C",
    key      TEXT COLLATE "C",
    name     TEXT COLLATE "C",
    password TEXT COLLATE "C",
    created  BIGINT           NOT NULL
);
CREATE UNIQUE INDEX accounts_by_key ON accounts (key);

CREATE TABLE bindings (
    org        TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    active     BOOLEAN          NOT NULL,
    detached   BOOLEAN          NOT NULL,
    PRIMARY KEY (org, user_id)
);
CREATE INDEX bindings_by_account ON bindings (account_id, org);

CREATE TABLE grants (
    org        TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    source     TEXT COLLATE "C" NOT NULL,
    note       TEXT COLLATE "C",
    suspended  BOOLEAN          NOT NULL,
    since      BIGINT,
    PRIMARY KEY (org, account_id, source)
);
CREATE INDEX grants_by_account ON grants (account_id, org);

CREATE TABLE roles (
    org        TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    role       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, account_id)
);

-- digest is a keyed hash of the code, hint its last four characters.
CREATE TABLE link_codes (
    org         TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    digest      TEXT COLLATE "C" NOT NULL,
    hint        TEXT COLLATE "C" NOT NULL,
    note        TEXT COLLATE "C",
    intended    TEXT COLLATE "C",
    created     BIGINT           NOT NULL,
    created_by  TEXT COLLATE "C" NOT NULL,
    expires     BIGINT           NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    redeemed_by TEXT COLLATE "C",
    ended       BIGINT,
    PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX link_codes_by_digest ON link_codes (digest);

CREATE TABLE domains (
    org      TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    token    TEXT COLLATE "C" NOT NULL,
    state    TEXT COLLATE "C" NOT NULL,
    created  BIGINT           NOT NULL,
    verified BIGINT,
    checked  BIGINT,
    missing  BIGINT,
    PRIMARY KEY (org, id)
);
CREATE INDEX domains_by_name ON domains (name);
CREATE UNIQUE INDEX domains_that_hold ON domains (name) WHERE state IN ('verified', 'grace');

CREATE TABLE sso_settings (
    org  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE teams (
    org      TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C",
    adopted  BOOLEAN          NOT NULL,
    created  BIGINT           NOT NULL,
    PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX teams_by_key ON teams (org, key);
CREATE UNIQUE INDEX teams_by_group ON teams (org, group_id);

CREATE TABLE team_members (
    org        TEXT COLLATE "C" NOT NULL,
    team_id    TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, team_id, account_id)
);

-- What people sign in to the administrative API with: sessions, personal tokens, the operator's tokens.
CREATE TABLE credentials (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind       TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C",
    digest     TEXT COLLATE "C" NOT NULL,
    hint       TEXT COLLATE "C" NOT NULL,
    note       TEXT COLLATE "C",
    created    BIGINT           NOT NULL,
    expires    BIGINT,
    revoked    BIGINT
);
CREATE UNIQUE INDEX credentials_by_digest ON credentials (digest);
CREATE INDEX credentials_by_account ON credentials (account_id, id);

-- Tries that failed, of what may not be tried often.
CREATE TABLE attempts (
    subject TEXT COLLATE "C" NOT NULL,
    at      BIGINT           NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (subject, at, id)
);

-- Answers to requests that may be sent again. Secrets are not among what is kept.
CREATE TABLE idempotency_keys (
    caller  TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    status  BIGINT           NOT NULL,
    body    TEXT COLLATE "C" NOT NULL,
    created BIGINT           NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_created ON idempotency_keys (created);

CREATE INDEX events_by_target ON events (org, target, id);
