-- Owner: users.
--
-- When the owner of an account has shown that the address is theirs. NULL: nobody has, so nothing is sent to it, and it
-- signs nobody in. Accounts of the series never have one.

-- +goose Up
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

-- +goose Down
ALTER TABLE users DROP COLUMN email_verified_at;
