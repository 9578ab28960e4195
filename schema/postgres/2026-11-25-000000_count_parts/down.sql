CREATE TABLE counts_in_one (
    org  TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    n    BIGINT           NOT NULL,
    PRIMARY KEY (org, kind)
);
INSERT INTO counts_in_one (org, kind, n) SELECT org, kind, SUM(n) FROM resource_counts GROUP BY org, kind;
DROP TABLE resource_counts;
ALTER TABLE counts_in_one RENAME TO resource_counts;
ALTER INDEX counts_in_one_pkey RENAME TO resource_counts_pkey;
