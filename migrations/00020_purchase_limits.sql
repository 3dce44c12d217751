-- Owner: package sale. How often the button of a sale may be pressed: presses a second on average, and at once after a rest, by one
-- account, and by everybody behind one network address together. An operator changes them while the sale runs.
--
-- A program of the version before neither reads nor writes them.

-- +goose Up
ALTER TABLE sales
    ADD COLUMN account_press_rate bigint NOT NULL DEFAULT 2 CHECK (account_press_rate BETWEEN 1 AND 1000000),
    ADD COLUMN account_press_burst bigint NOT NULL DEFAULT 10 CHECK (account_press_burst BETWEEN 1 AND 1000000),
    ADD COLUMN network_press_rate bigint NOT NULL DEFAULT 50 CHECK (network_press_rate BETWEEN 1 AND 1000000),
    ADD COLUMN network_press_burst bigint NOT NULL DEFAULT 250 CHECK (network_press_burst BETWEEN 1 AND 1000000);

-- +goose Down
ALTER TABLE sales
    DROP COLUMN network_press_burst, DROP COLUMN network_press_rate, DROP COLUMN account_press_burst, DROP COLUMN account_press_rate;
