-- What an organization may choose, and the requests to be linked that wait for an approval.

ALTER TABLE organizations ADD COLUMN require_approval BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE organizations ADD COLUMN adoption TEXT COLLATE "C" NOT NULL DEFAULT 'by_verified_domain';
-- Of a linked one.
ALTER TABLE organizations ADD COLUMN membership TEXT COLLATE "C" NOT NULL DEFAULT 'additive';

CREATE TABLE link_requests (
    org        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL,
    admin      TEXT COLLATE "C" NOT NULL,
    code_id    TEXT COLLATE "C" NOT NULL,
    scim_name  TEXT COLLATE "C",
    created    BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    expires    BIGINT NOT NULL
);
CREATE INDEX link_requests_by_admin ON link_requests (admin, id);
CREATE INDEX link_requests_by_expiry ON link_requests (expires);
