DROP TABLE link_requests;
ALTER TABLE organizations DROP COLUMN membership;
ALTER TABLE organizations DROP COLUMN adoption;
ALTER TABLE organizations DROP COLUMN require_approval;
