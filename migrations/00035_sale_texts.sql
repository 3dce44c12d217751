-- Owner: package sale. What shoppers of one sale read in each of its states, in place of the brand's sentence: an object with a text for each
-- status that has one (upcoming, active, paused, sold-out, ended).
--
-- A program of the version before neither reads nor writes them: it shows the brand's sentences.

-- +goose Up
ALTER TABLE sales ADD COLUMN texts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(texts) = 'object');

-- +goose Down
ALTER TABLE sales DROP COLUMN texts;
