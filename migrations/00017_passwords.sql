-- Owner: users.
--
-- has_credential: somebody can, or could, sign in as this account. It never becomes false again, so that seeding never
-- shows such an account again once it is archived. kept: the account has a role, and archiving all accounts passes over it.
-- The version before knows of neither, but it seeds and archives in demo mode only, and there nobody has a credential.
--
-- email_verified_at: the owner has typed a code that was sent to the address. An account that was made by signing up and has
-- no such address has a placeholder at unverified.invalid, because the version before needs an address of every account.
-- An erased account has digests in the places of its name and its address.

-- +goose Up
ALTER TABLE users
    ADD COLUMN has_credential    boolean NOT NULL DEFAULT false,
    ADD COLUMN kept              boolean NOT NULL DEFAULT false,
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN erased_at         timestamptz;

-- The key of the digests of erased names. gen_random_uuid has 122 random bits.
CREATE TABLE erasure_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    key      bytea NOT NULL CHECK (octet_length(key) = 32)
);
INSERT INTO erasure_key (key) VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

CREATE TABLE passwords (
    account    bigint PRIMARY KEY REFERENCES users,
    hash       text        NOT NULL, -- argon2id in PHC form: its cost and salt are in it
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE passwords;
DROP TABLE erasure_key;
ALTER TABLE users
    DROP COLUMN erased_at,
    DROP COLUMN email_verified_at,
    DROP COLUMN kept,
    DROP COLUMN has_credential;
