-- Owner: events/cluster.
--
-- What the processes of a deployment share about certificates that come by ACME: account, keys, certificates, and challenges under way.
-- Every text is sealed, private keys among them; the keys are paths with the names of hosts and the address of the account. A lock keeps two processes from ordering the same certificate; who holds it renews it,
-- and it is free again when that has not happened in time. All of it is little: some rows for each name, written at orders and renewals.
--
-- A program of the version before neither reads nor writes them.

-- +goose Up
CREATE TABLE certificate_store (
    key        text        PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 500),
    sealed     bytea       NOT NULL CHECK (length(sealed) <= 1048576),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE certificate_locks (
    name   text        PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 500),
    holder uuid        NOT NULL,
    until  timestamptz NOT NULL
);

-- +goose Down
DROP TABLE certificate_locks;
DROP TABLE certificate_store;
