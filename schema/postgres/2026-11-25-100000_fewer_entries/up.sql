-- Most accounts are known by no address: their rows need no entry.
DROP INDEX accounts_by_key;
CREATE UNIQUE INDEX accounts_by_key ON accounts (key) WHERE key IS NOT NULL;
