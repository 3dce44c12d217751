-- Owner: users/login.
--
-- The key that seals the secrets of second factors where SESSION_KEYS does not. It is one row, and no command rotates it: what it has
-- sealed is needed for as long as somebody has that second factor.

-- +goose Up
CREATE TABLE sealing_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret   bytea   NOT NULL CHECK (length(secret) = 32)
);

-- +goose Down
-- A program of before reads only secrets that are not sealed; who has a sealed one makes a new second factor.
DELETE FROM second_factors WHERE secret LIKE 'sealed:%';
DROP TABLE sealing_key;
