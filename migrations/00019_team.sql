-- Owner: users/login. How roles at the operators' desk are given, second factors, and API tokens.
--
-- Of everything that somebody could sign in with, only SHA-256 digests of random values are here: links, recovery codes and
-- tokens. The exception is the secret of a second factor, which the server needs to compute its codes; alone it signs nobody in.

-- +goose Up
-- The one row that every change of roles locks, after the roster: two owners who remove each other come one after the other, and of
-- two who use the link of the first owner one finds that there is an owner.
CREATE TABLE team (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
INSERT INTO team DEFAULT VALUES;

-- A link that gives a role, once. made_by_id is NULL when a command made it. That of the first owner counts only while there
-- is none.
CREATE TABLE invitations (
    digest      bytea       PRIMARY KEY,
    role        text        NOT NULL CHECK (role IN ('viewer', 'operator', 'owner')),
    first_owner boolean     NOT NULL DEFAULT false,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_by     text        NOT NULL,
    made_by_id  bigint      REFERENCES users (id),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    used_by     bigint      REFERENCES users (id)
);
CREATE UNIQUE INDEX invitations_first_owner ON invitations (first_owner) WHERE first_owner AND used_at IS NULL;

-- A second factor without confirmed_at is one whose owner has not typed a code yet. last_step is the time step of the last code
-- that was taken; only later ones are. failures are the wrong codes since the last right one.
CREATE TABLE second_factors (
    user_id      bigint      PRIMARY KEY REFERENCES users (id),
    secret       text        NOT NULL,
    begun_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at timestamptz,
    last_step    bigint      NOT NULL DEFAULT 0,
    failures     integer     NOT NULL DEFAULT 0,
    cool_until   timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE TABLE recovery_codes (
    user_id bigint      NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    digest  bytea       NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, digest)
);

-- scopes are a sum: 1 read, 2 operate, 4 export.
CREATE TABLE api_tokens (
    id           uuid        PRIMARY KEY,
    name         text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 60),
    digest       bytea       NOT NULL UNIQUE,
    scopes       smallint    NOT NULL CHECK (scopes BETWEEN 1 AND 7),
    user_id      bigint      NOT NULL REFERENCES users (id),
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    CONSTRAINT api_tokens_life CHECK (expires_at <= made_at + interval '366 days')
);
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (user_id, name) WHERE revoked_at IS NULL;

-- +goose Down
DROP TABLE api_tokens;
DROP TABLE recovery_codes;
DROP TABLE second_factors;
DROP TABLE invitations;
DROP TABLE team;
