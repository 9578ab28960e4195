CREATE TABLE counts_in_one (
    org  TEXT   NOT NULL,
    kind TEXT   NOT NULL,
    n    BIGINT NOT NULL,
    PRIMARY KEY (org, kind)
) WITHOUT ROWID;
INSERT INTO counts_in_one (org, kind, n) SELECT org, kind, SUM(n) FROM resource_counts GROUP BY org, kind;
DROP TABLE resource_counts;
ALTER TABLE counts_in_one RENAME TO resource_counts;
