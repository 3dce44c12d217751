-- Owner: users/login.
--
-- Codes and links by e-mail. A row is what one browser has asked for. The name that was asked for makes no difference to it:
-- when there is nobody to send a mail to, the row is there all the same and `mailed` is false, so that its code is right for
-- nobody. Of the browser's secret and of the link there are SHA-256 digests, of the six digits a MAC with the browser's secret
-- as its key: nobody can find a code who has the table.
--
--   sent    the code and the link work
--   link    the link works, the code does not: too many wrong ones
--   quiet   nothing was mailed, because something was a moment ago
--   void    a newer one has taken its place
--   used

-- +goose Up
CREATE TABLE login_codes (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose    text        NOT NULL CHECK (purpose IN ('sign-in', 'email')),
    asked      text        COLLATE "C" NOT NULL,   -- the name that was typed, in normal form
    subject    text        COLLATE "C" NOT NULL,   -- one budget: the address that gets the mail, in normal form
    address    text        NOT NULL DEFAULT '',    -- as it is written on the mail
    account    bigint,                             -- NULL: there is none yet
    mailed     boolean     NOT NULL,
    state      text        NOT NULL CHECK (state IN ('sent', 'link', 'quiet', 'void', 'used')),
    tries      integer     NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
    flow       bytea       NOT NULL UNIQUE,
    code       bytea       NOT NULL,
    link       bytea       NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX login_codes_subject ON login_codes (purpose, subject, created_at);
CREATE INDEX login_codes_created ON login_codes (created_at);

-- +goose Down
DROP TABLE login_codes;
