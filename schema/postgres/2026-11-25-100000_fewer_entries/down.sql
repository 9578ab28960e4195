DROP INDEX accounts_by_key;
CREATE UNIQUE INDEX accounts_by_key ON accounts (key);
