-- Counts are kept in parts that are added up: those who create at the same time would else wait for each
-- other's commit.
ALTER TABLE resource_counts ADD COLUMN part BIGINT NOT NULL DEFAULT 0;
ALTER TABLE resource_counts ALTER COLUMN part DROP DEFAULT;
ALTER TABLE resource_counts DROP CONSTRAINT resource_counts_pkey;
ALTER TABLE resource_counts ADD PRIMARY KEY (org, kind, part);
