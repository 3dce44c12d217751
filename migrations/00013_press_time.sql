-- Owner: package sale. When an order's shopper pressed, by the clock of Postgres, beside decided_at, when the ledger decided. Null
-- for orders that the version before wrote, and by processes of that version that still run.
--
-- The times of a sale belong to its generation: an ended one keeps those that it ended with. Null for generations that ended
-- before, or that a process of the version before ended.

-- +goose Up
ALTER TABLE orders ADD COLUMN pressed_at timestamptz;
ALTER TABLE generations ADD COLUMN starts_at timestamptz, ADD COLUMN ends_at timestamptz;

-- +goose Down
ALTER TABLE generations DROP COLUMN ends_at, DROP COLUMN starts_at;
ALTER TABLE orders DROP COLUMN pressed_at;
