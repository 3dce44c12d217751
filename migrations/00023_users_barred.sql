-- Owner: users.
--
-- Every process keeps the ids of the accounts that may not buy in memory, all of them, and reads them once at its start. They
-- are few among the accounts, so an index of their own finds them without reading the others.

-- +goose Up
CREATE INDEX users_barred ON users (id) WHERE archived_at IS NOT NULL OR NOT may_purchase;

-- +goose Down
DROP INDEX users_barred;
