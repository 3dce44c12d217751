-- Owner: package sale. The cancelled orders in the desk's list, which is in the order of the units. Live orders have their unique index by
-- unit already.
--
-- A live order is not in this index, so a purchase does not pay for it; an index of all orders by their time costs a purchase a tenth.
-- The condition is on the state, and not on released_at, so that no statement of the ledger can take this index for one of its own:
-- while little is cancelled, all indexes cost the same to the planner.
--
-- Purchases wait while it is built: less than a second for a million orders.

-- +goose Up
CREATE INDEX orders_cancelled ON orders (sale_id, generation, unit, id) WHERE state = 'cancelled';

-- +goose Down
DROP INDEX orders_cancelled;
