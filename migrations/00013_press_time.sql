-- Owner: package sale. When an order's shopper pressed, by the clock of Postgres, beside decided_at, when the ledger decided. Null
-- for orders that the version before wrote, and by processes of that version that still run.
--
-- The times of a sale belong to its generation: an ended one keeps those that it ended with. Null for generations that ended
-- before, or that a process of the version before ended. press_digest is over the times of the presses of its orders, which no act
-- changes; digest stays over the columns that the version before knows, because it compares them.

-- +goose Up
ALTER TABLE orders ADD COLUMN pressed_at timestamptz;
ALTER TABLE generations ADD COLUMN starts_at timestamptz, ADD COLUMN ends_at timestamptz, ADD COLUMN press_digest text;

-- +goose Down
ALTER TABLE generations DROP COLUMN press_digest, DROP COLUMN ends_at, DROP COLUMN starts_at;
ALTER TABLE orders DROP COLUMN pressed_at;
