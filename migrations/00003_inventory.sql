-- Owner: package inventory.

-- +goose Up
-- One row per sale and generation; it is also the lock under which the ledger decides. Units are numbers, not
-- rows: taking n of them is one UPDATE at any size. The half-empty page keeps those updates in place (HOT).
CREATE TABLE stock (
    sale_id    bigint NOT NULL,
    generation bigint NOT NULL,
    total      bigint NOT NULL,
    taken      bigint NOT NULL DEFAULT 0,
    next_unit  bigint NOT NULL DEFAULT 1,
    version    bigint NOT NULL,
    PRIMARY KEY (sale_id, generation),
    CONSTRAINT stock_never_oversold CHECK (taken BETWEEN 0 AND total),
    CONSTRAINT stock_units_numbered CHECK (next_unit > taken),
    CONSTRAINT stock_version_grows CHECK (version >= 0)
) WITH (fillfactor = 50);

-- Units that were taken once and came back. There are stock.next_unit - 1 - stock.taken of them.
CREATE TABLE returned_units (
    sale_id    bigint NOT NULL,
    generation bigint NOT NULL,
    unit       bigint NOT NULL CHECK (unit > 0),
    PRIMARY KEY (sale_id, generation, unit),
    FOREIGN KEY (sale_id, generation) REFERENCES stock (sale_id, generation)
);

-- +goose Down
DROP TABLE returned_units;
DROP TABLE stock;
