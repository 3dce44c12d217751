-- Owner: users/login/codes.
--
-- From which network a code was asked for: somebody elsewhere who asks for the same account neither silences nor replaces it.

-- +goose Up
ALTER TABLE login_codes ADD COLUMN network text COLLATE "C" NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE login_codes DROP COLUMN network;
