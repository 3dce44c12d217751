-- Owner: package sale. Which press an order came of: of a shopper's presses at once, that one is told that it bought.
-- Null for orders that the version before wrote, and by processes of that version that still run.

-- +goose Up
ALTER TABLE orders ADD COLUMN press uuid;

-- +goose Down
ALTER TABLE orders DROP COLUMN press;
