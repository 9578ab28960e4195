-- Counts are kept in parts that are added up: on PostgreSQL those who create at the same time would else wait
-- for each other's commit. SQLite, with one writer, uses one part.
CREATE TABLE counts_in_parts (
    org  TEXT   NOT NULL,
    kind TEXT   NOT NULL,
    part BIGINT NOT NULL,
    n    BIGINT NOT NULL,
    PRIMARY KEY (org, kind, part)
) WITHOUT ROWID;
INSERT INTO counts_in_parts (org, kind, part, n) SELECT org, kind, 0, n FROM resource_counts;
DROP TABLE resource_counts;
ALTER TABLE counts_in_parts RENAME TO resource_counts;
