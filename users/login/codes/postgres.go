package codes

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/users/login"
)

// statementTime bounds every read and every transaction here. A caller's own, shorter deadline wins.
const statementTime = 5 * time.Second

// store is what Postgres keeps of codes.
type store struct{ pool *pgxpool.Pool }

func (s *store) transact(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	return login.Transact(ctx, s.pool, do)
}

// codeState is what can still be done with a code. The migration says what each means.
type codeState string

const (
	codeSent  codeState = "sent"
	codeLink  codeState = "link"
	codeQuiet codeState = "quiet"
)

// Constants in the statements: those of codes.go in seconds, by Postgres' clock.
const (
	lockCodes = `SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.login_codes ' || $1 || ' ' || $2, 0))`
	// A mail to the same network a moment ago, of which nothing was used yet, makes this one quiet; otherwise it takes the place of those before it from there.
	insertCode = `
		WITH recent AS (
			SELECT coalesce(bool_or(state NOT IN ('quiet', 'used') AND network = $14 AND created_at > now() - make_interval(secs => $11)), false) AS mail,
				count(*) FILTER (WHERE state <> 'quiet' AND created_at > now() - interval '1 hour') >= $15 AS flood,
				coalesce(sum(tries) FILTER (WHERE state <> 'quiet'), 0) AS wrong
			FROM login_codes WHERE purpose = $1 AND subject = $3 AND created_at > now() - interval '1 day'
		), chosen AS (
			SELECT CASE WHEN mail OR flood THEN 'quiet' WHEN wrong >= $12 THEN $13::text ELSE 'sent' END AS state FROM recent
		), replaced AS (
			UPDATE login_codes SET state = 'void'
			WHERE purpose = $1 AND subject = $3 AND network = $14 AND state IN ('sent', 'link', 'quiet') AND (SELECT state FROM chosen) <> 'quiet'
		)
		INSERT INTO login_codes (purpose, asked, subject, address, account, mailed, flow, code, link, expires_at, state, network)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp() + make_interval(secs => $10), state, $14 FROM chosen
		RETURNING state`
	// Only one change of address of an account is under way.
	voidChanges = `UPDATE login_codes SET state = 'void' WHERE purpose = 'email' AND account = $1 AND state = 'sent' AND flow <> $2`
	selectFlow  = `SELECT EXISTS (SELECT FROM login_codes WHERE purpose = 'sign-in' AND flow = $1 AND asked = $2
		AND state <> 'used' AND created_at > now() - make_interval(secs => $3))`

	codeColumns = `id, subject, address, coalesce(account, 0), mailed, state, tries`
	lockCode    = `SELECT ` + codeColumns + `, code, (SELECT sum(tries) FROM login_codes o WHERE o.purpose = $1 AND o.subject = c.subject
			AND o.state <> 'quiet' AND o.created_at > now() - interval '1 day') FROM login_codes c WHERE purpose = $1 AND flow = $2 AND coalesce(account, 0) = coalesce($3, account, 0)
		AND expires_at > now() FOR UPDATE`
	countTry    = `UPDATE login_codes SET tries = tries + 1, state = CASE WHEN state = 'sent' AND tries + 1 >= $2 THEN 'link' ELSE state END WHERE id = $1`
	useCode     = `UPDATE login_codes SET state = 'used' WHERE id = $1`
	spendChange = `UPDATE login_codes SET state = 'used' WHERE id = $1 AND state = 'sent'`

	linkWorks  = ` WHERE purpose = 'sign-in' AND link = $1 AND mailed AND state IN ('sent', 'link') AND expires_at > now()`
	selectLink = `SELECT ` + codeColumns + ` FROM login_codes` + linkWorks
	spendLink  = `UPDATE login_codes SET state = 'used'` + linkWorks + ` RETURNING ` + codeColumns

	deleteCodes = `DELETE FROM login_codes WHERE id = ANY (ARRAY(SELECT id FROM login_codes
		WHERE created_at < now() - make_interval(secs => $1) ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))`
)

// codeRow is what the table has of a code.
type codeRow struct {
	id               int64
	subject, address string
	account          int64
	mailed           bool
	state            codeState
	tries            int
}

func (r *codeRow) fields() []any {
	return []any{&r.id, &r.subject, &r.address, &r.account, &r.mailed, &r.state, &r.tries}
}

// addCode keeps the digests of a new code and says what it can do. Requests for the same subject wait for each other, so that
// one of them gets the mail.
func (s *store) addCode(ctx context.Context, r codeRequest, secrets codeSecrets) (state codeState, err error) {
	guessed := codeLink
	if r.purpose == changingEmail {
		guessed = codeQuiet // there is no link
	}
	var account *int64
	if r.account != 0 {
		account = &r.account
	}
	flow := login.Digest(secrets.flow)
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockCodes, string(r.purpose), r.subject); err != nil {
			return err
		}
		row := tx.QueryRow(ctx, insertCode, r.purpose, r.asked, r.subject, r.address, account, r.mailed(), flow,
			codeMAC(secrets.flow, secrets.code), login.Digest(secrets.link), Lifetime.Seconds(), mailPause.Seconds(), wrongPerDay, guessed, r.network, mailsPerHour)
		if err := row.Scan(&state); err != nil || r.purpose != changingEmail {
			return err
		}
		_, err := tx.Exec(ctx, voidChanges, r.account, flow)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep a code: %w", err)
	}
	return state, nil
}

// recentFlow is true for a flow of that name that is so young that no other mail would be sent.
func (s *store) recentFlow(ctx context.Context, flow, asked string) (recent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	err = s.pool.QueryRow(ctx, selectFlow, login.Digest(flow), asked, mailPause.Seconds()).Scan(&recent)
	if err != nil {
		return false, fmt.Errorf("read a flow: %w", err)
	}
	return recent, nil
}

// codeTry is one look at a code.
type codeTry struct {
	purpose    purpose
	flow, code string
	account    int64 // of a change of address
}

// tryCode compares a code. Every look but the right one counts, in the transaction in which it happens, with the row locked: there
// are never more than Tries. A right code is used at once for a sign-in, and left as it is for a change of address, which
// spends it together with the change.
func (s *store) tryCode(ctx context.Context, t codeTry) (row codeRow, err error) {
	outcome := login.ErrExpired
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var account *int64
		if t.purpose == changingEmail {
			account = &t.account
		}
		var code []byte
		var wrong int // of the subject, in a day
		err := tx.QueryRow(ctx, lockCode, t.purpose, login.Digest(t.flow), account).Scan(append(row.fields(), &code, &wrong)...)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && row.tries >= Tries {
			return nil
		}
		if err != nil {
			return err
		}
		right := hmac.Equal(code, codeMAC(t.flow, t.code))
		if !right {
			outcome = login.ErrRefused
		}
		switch {
		case !right || !row.mailed || row.state != codeSent || wrong >= wrongPerDay:
			_, err := tx.Exec(ctx, countTry, row.id, Tries)
			return err
		case t.purpose == changingEmail:
			outcome = nil
			return nil
		}
		outcome = nil
		_, err = tx.Exec(ctx, useCode, row.id)
		return err
	})
	if err != nil {
		return codeRow{}, fmt.Errorf("look at a code: %w", err)
	}
	return row, outcome
}

func (s *store) linkedCode(ctx context.Context, link string) (codeRow, error) {
	return s.codeOfLink(ctx, selectLink, link)
}

// spendLink is linkedCode for the last time. Of several at once one finds the row.
func (s *store) spendLink(ctx context.Context, link string) (codeRow, error) {
	return s.codeOfLink(ctx, spendLink, link)
}

func (s *store) codeOfLink(ctx context.Context, statement, link string) (row codeRow, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	err = s.pool.QueryRow(ctx, statement, login.Digest(link)).Scan(row.fields()...)
	if errors.Is(err, pgx.ErrNoRows) {
		return codeRow{}, login.ErrExpired
	}
	if err != nil {
		return codeRow{}, fmt.Errorf("look at a link: %w", err)
	}
	return row, nil
}

// deleteOldCodes deletes at most limit rows that nobody counts any more, and returns how many.
func (s *store) deleteOldCodes(ctx context.Context, age time.Duration, limit int) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	done, err := s.pool.Exec(ctx, deleteCodes, age.Seconds(), limit)
	if err != nil {
		return 0, fmt.Errorf("delete old codes: %w", err)
	}
	return done.RowsAffected(), nil
}
