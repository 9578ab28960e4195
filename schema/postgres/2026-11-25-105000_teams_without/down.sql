DELETE FROM team_members WHERE taken_out;
ALTER TABLE team_members DROP COLUMN taken_out;
