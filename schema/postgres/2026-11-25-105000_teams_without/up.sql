-- While an organization is linked its directory's groups are frozen, and people may take somebody out of a team
-- that is one. Such a row says who isn't in the team although the group has them.
ALTER TABLE team_members ADD COLUMN taken_out BOOLEAN NOT NULL DEFAULT FALSE;
