-- Owner: package sale. The desk's list of orders: a page of a generation, in one state, by the time of its decision, from whichever end.
--
-- The state comes first so that the statements of the ledger, which name a sale and a generation and no state, do not take this index
-- for one of theirs.
--
-- The orders of one decision have the same time, so Postgres keeps one key for up to hundreds of rows: the index is small, and an
-- order that is added goes to its end. A page sorts only the orders of the same time, by their id.
--
-- It is built under a lock that purchases wait for: about a second for a million orders.

-- +goose Up
CREATE INDEX orders_listed ON orders (state, sale_id, generation, decided_at);

-- +goose Down
DROP INDEX orders_listed;
