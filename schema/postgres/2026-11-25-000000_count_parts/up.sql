-- Counts are kept in parts that are added up: those who create at the same time would else wait for each
-- other's commit.
CREATE TABLE counts_in_parts (
    org  TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    part BIGINT           NOT NULL,
    n    BIGINT           NOT NULL,
    PRIMARY KEY (org, kind, part)
);
INSERT INTO counts_in_parts (org, kind, part, n) SELECT org, kind, 0, n FROM resource_counts;
DROP TABLE resource_counts;
ALTER TABLE counts_in_parts RENAME TO resource_counts;
ALTER INDEX counts_in_parts_pkey RENAME TO resource_counts_pkey;
