package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

const (
	// stepTime is how long a code is shown; one step to each side is taken too, for clocks that differ.
	stepTime  = 30
	stepsAway = 1
	// secretBytes is what RFC 4226 recommends.
	secretBytes = 20
	// pendingLife is for how long a secret can be confirmed. Until then it is shown again.
	pendingLife = time.Hour
	// recoveryCodes is how many there are.
	recoveryCodes = 10
)

const (
	beginFactor = `INSERT INTO second_factors AS f (user_id, secret) VALUES ($1, $2)
		ON CONFLICT (user_id) DO UPDATE SET
			secret = CASE WHEN f.begun_at > clock_timestamp() - make_interval(secs => $3) THEN f.secret ELSE excluded.secret END,
			begun_at = CASE WHEN f.begun_at > clock_timestamp() - make_interval(secs => $3) THEN f.begun_at ELSE excluded.begun_at END
		WHERE f.confirmed_at IS NULL
		RETURNING secret`
	// Codes of one account are looked at one after the other, so that a code that comes twice at once is taken once, and as many
	// guesses at once as one likes are counted.
	lockFactor = `SELECT secret, confirmed_at IS NOT NULL, confirmed_at IS NULL AND begun_at < clock_timestamp() - make_interval(secs => $2),
			last_step, cool_until > clock_timestamp(), extract(epoch FROM clock_timestamp())::bigint
		FROM second_factors WHERE user_id = $1 FOR UPDATE`
	takeStep = `UPDATE second_factors SET last_step = $2, confirmed_at = coalesce(confirmed_at, clock_timestamp()), failures = 0,
			cool_until = '-infinity' WHERE user_id = $1`
	// The fifth wrong code in a row begins a cool-down of ten minutes, each further five one of twice that, up to a day.
	countFailure = `UPDATE second_factors SET failures = failures + 1, cool_until = CASE WHEN (failures + 1) % 5 = 0
			THEN clock_timestamp() + least(interval '10 minutes' * power(2, least((failures + 1) / 5 - 1, 8)), interval '1 day')
			ELSE cool_until END
		WHERE user_id = $1`
	lockFactors    = `SELECT user_id, secret FROM second_factors ORDER BY user_id FOR UPDATE`
	keepSecret     = `UPDATE second_factors SET secret = $2 WHERE user_id = $1`
	endCooling     = `UPDATE second_factors SET failures = 0, cool_until = '-infinity' WHERE user_id = $1`
	selectEnrolled = `SELECT EXISTS (SELECT FROM second_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL)`
	deleteFactor   = `DELETE FROM second_factors WHERE user_id = $1`

	insertRecovery = `INSERT INTO recovery_codes (user_id, digest) SELECT $1, unnest($2::bytea[])`
	useRecovery    = `UPDATE recovery_codes SET used_at = clock_timestamp() WHERE user_id = $1 AND digest = $2 AND used_at IS NULL`
)

// SecondFactors are the codes of an authenticator app (RFC 6238: SHA-1, 6 digits, 30 seconds), and the recovery codes for somebody
// who has lost it. Each code works once.
//
// Wrong codes of the app are counted for each account, and after five in a row only a recovery code is taken for ten minutes, after the
// next five for twenty, up to a day. So nobody tries a million codes, and nobody is locked out: a recovery code has 50 bits, which no
// cool-down has to protect, so it is always taken.
//
// The server computes codes from the secret, so it is kept sealed and not as a digest. With SESSION_KEYS the key is derived from the
// first of them, and a stolen copy of the database shows no secret. Without them it is a row of a table of its own, so that it is not in
// a copy or a log of this table alone. It is not the key that `admin rotate-keys` changes: a rotation, which may forget the key before,
// would end every operator's way in. What is sealed with another key than the first is sealed anew at each start and each sign-in, so a
// key may leave SESSION_KEYS once an instance has started with a new one before it.
type SecondFactors struct {
	store   *Store
	issuer  string
	outside [][]byte
}

// NewSecondFactors makes second factors whose app shows them under the name of the issuer. The keys come from outside: the first one
// seals, all open. None: the database has one.
func NewSecondFactors(store *Store, issuer string, keys [][]byte) *SecondFactors {
	return &SecondFactors{store: store, issuer: issuer, outside: keys}
}

// SealAnew seals every secret that is not sealed with the first key, and returns how many cannot be opened with any: their owners
// need a reset, or the key that is gone.
func (f *SecondFactors) SealAnew(ctx context.Context) (closed int, err error) {
	if err := f.store.ensureSealingKey(ctx, f.outside); err != nil {
		return 0, err
	}
	err = f.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		keys, err := readSealingKeys(ctx, tx, forSecondFactors, f.outside)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, lockFactors)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keptSecret])
		if err != nil {
			return err
		}
		for _, one := range all {
			if _, err := keys.openTx(ctx, tx, one); errors.Is(err, errSealed) {
				closed++
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("seal the second factors: %w", err)
	}
	return closed, nil
}

// keptSecret is a row of second_factors.
type keptSecret struct {
	Account int64
	Kept    string
}

// Enrolment is what an authenticator app needs to know. Both fields are secret.
type Enrolment struct {
	// Secret is for people who type it.
	Secret string
	// URI is the otpauth address that a QR code shows.
	URI string
}

// Begin gives an account a secret to put into its app under that label, a username. Until a code confirms it, within an hour, it is
// given again. ErrEnrolled: the account has a second factor.
func (f *SecondFactors) Begin(ctx context.Context, account int64, label string) (Enrolment, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	key, err := totp.Generate(totp.GenerateOpts{Issuer: f.issuer, AccountName: label, SecretSize: secretBytes})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make a second factor: %w", err)
	}
	if err := f.store.ensureSealingKey(ctx, f.outside); err != nil {
		return Enrolment{}, err
	}
	keys, err := readSealingKeys(ctx, f.store.pool, forSecondFactors, f.outside)
	if err != nil {
		return Enrolment{}, err
	}
	var kept string
	err = f.store.pool.QueryRow(ctx, beginFactor, account, keys[0].seal(account, key.Secret()), pendingLife.Seconds()).Scan(&kept)
	if errors.Is(err, pgx.ErrNoRows) {
		return Enrolment{}, ErrEnrolled
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("begin a second factor: %w", err)
	}
	secret, _, err := keys.open(account, kept)
	if err != nil {
		return Enrolment{}, fmt.Errorf("begin a second factor: %w", err)
	}
	return Enrolment{Secret: secret, URI: f.uri(label, secret)}, nil
}

// uri is the address of the form that authenticator apps read.
func (f *SecondFactors) uri(label, secret string) string {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + f.issuer + ":" + label}
	u.RawQuery = strings.ReplaceAll(url.Values{"secret": {secret}, "issuer": {f.issuer}}.Encode(), "+", "%20")
	return u.String()
}

// Confirm ends what Begin began with a first code from the app, and returns the recovery codes, which nobody can read again.
// Errors: ErrRefused, ErrCooling, ErrEnrolled, ErrNotEnrolled without a secret to confirm, ErrExpired when it is older than an hour.
func (f *SecondFactors) Confirm(ctx context.Context, account int64, code string) (recovery []string, err error) {
	err = f.attempt(ctx, account, func(ctx context.Context, tx pgx.Tx, now factor) error {
		switch {
		case now.confirmed:
			return ErrEnrolled
		case now.stale:
			return ErrExpired
		}
		if err := f.takeTx(ctx, tx, now, code); err != nil {
			return err
		}
		recovery, err = makeRecoveryTx(ctx, tx, account)
		return err
	})
	if err != nil {
		return nil, err
	}
	return recovery, nil
}

// Check takes a code from the app or a recovery code, once. Errors: ErrRefused, ErrCooling, ErrNotEnrolled.
func (f *SecondFactors) Check(ctx context.Context, account int64, code string) error {
	return f.attempt(ctx, account, func(ctx context.Context, tx pgx.Tx, now factor) error {
		if !now.confirmed {
			return ErrNotEnrolled
		}
		if text, ok := recoveryText(code); ok {
			return useRecoveryTx(ctx, tx, account, text)
		}
		return f.takeTx(ctx, tx, now, code)
	})
}

// Enrolled is true when the account has confirmed a second factor.
func (f *SecondFactors) Enrolled(ctx context.Context, account int64) (enrolled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	if err := f.store.pool.QueryRow(ctx, selectEnrolled, account).Scan(&enrolled); err != nil {
		return false, fmt.Errorf("look for a second factor: %w", err)
	}
	return enrolled, nil
}

// ResetSecondFactorTx removes the second factor of an account with its recovery codes, and ends the account's sessions: whoever has them may be
// somebody else. It returns false when there was none.
func (s *Store) ResetSecondFactorTx(ctx context.Context, tx pgx.Tx, account int64, by Giver) (bool, error) {
	if err := lockTeamTx(ctx, tx); err != nil {
		return false, err
	}
	if err := ownerTx(ctx, tx, by); err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, deleteFactor, account)
	if err != nil {
		return false, fmt.Errorf("remove a second factor: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	return true, s.revokeAllTx(ctx, tx, account)
}

// factor is a second factor whose row is locked.
type factor struct {
	account   int64
	kept      string // its secret, sealed
	confirmed bool
	// stale is true for a secret that has waited too long for its confirmation.
	stale    bool
	lastStep int64
	cooling  bool
	now      int64 // Postgres' clock, in seconds
}

// attempt looks at a code. When it is refused, what was counted is committed.
func (f *SecondFactors) attempt(ctx context.Context, account int64, look func(context.Context, pgx.Tx, factor) error) error {
	var outcome error
	err := f.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := factor{account: account}
		err := tx.QueryRow(ctx, lockFactor, account, pendingLife.Seconds()).Scan(
			&now.kept, &now.confirmed, &now.stale, &now.lastStep, &now.cooling, &now.now)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotEnrolled
		}
		if err != nil {
			return fmt.Errorf("read a second factor: %w", err)
		}
		if outcome = look(ctx, tx, now); errors.Is(outcome, ErrRefused) {
			return nil
		}
		return outcome
	})
	if err == nil {
		err = outcome
	}
	return err
}

// openTx is the secret of a row that is locked. It is sealed anew when its key is not the one that seals now.
func (k sealingKeys) openTx(ctx context.Context, tx pgx.Tx, of keptSecret) (string, error) {
	secret, current, err := k.open(of.Account, of.Kept)
	if err == nil && !current {
		_, err = tx.Exec(ctx, keepSecret, of.Account, k[0].seal(of.Account, secret))
	}
	return secret, err
}

// takeTx takes a code of the app that is right now and later than the last one taken, and counts any other.
func (f *SecondFactors) takeTx(ctx context.Context, tx pgx.Tx, now factor, code string) error {
	if now.cooling {
		return ErrCooling
	}
	keys, err := readSealingKeys(ctx, tx, forSecondFactors, f.outside)
	if err != nil {
		return err
	}
	secret, err := keys.openTx(ctx, tx, keptSecret{now.account, now.kept})
	if err != nil {
		return fmt.Errorf("open a second factor: %w", err)
	}
	step, err := now.stepOf(secret, strings.ReplaceAll(strings.TrimSpace(code), " ", ""))
	if err != nil {
		return err
	}
	if step == 0 {
		if _, err := tx.Exec(ctx, countFailure, now.account); err != nil {
			return fmt.Errorf("count a wrong code: %w", err)
		}
		return ErrRefused
	}
	if _, err := tx.Exec(ctx, takeStep, now.account, step); err != nil {
		return fmt.Errorf("take a code: %w", err)
	}
	return nil
}

// stepOf is the time step whose code that is, 0 for none. It compares with all steps, whichever matches.
func (f factor) stepOf(secret, code string) (int64, error) {
	present, found := f.now/stepTime, int64(0)
	for step := present - stepsAway; step <= present+stepsAway; step++ {
		right, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("compute a code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(right), []byte(code)) == 1 && step > f.lastStep {
			found = step
		}
	}
	return found, nil
}

// recoveryAlphabet is Crockford's: without letters that look like digits.
const recoveryAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// recoveryLength is 50 bits, in characters.
const recoveryLength = 10

// makeRecoveryTx makes the recovery codes of an account. What is kept is a digest of account and code.
func makeRecoveryTx(ctx context.Context, tx pgx.Tx, account int64) ([]string, error) {
	codes, digests := make([]string, recoveryCodes), make([][]byte, recoveryCodes)
	for i := range codes {
		var b [recoveryLength]byte
		_, _ = rand.Read(b[:]) // it never fails
		for at, one := range b {
			b[at] = recoveryAlphabet[one%byte(len(recoveryAlphabet))]
		}
		codes[i], digests[i] = string(b[:5])+"-"+string(b[5:]), recoveryDigest(account, string(b[:]))
	}
	if _, err := tx.Exec(ctx, insertRecovery, account, digests); err != nil {
		return nil, fmt.Errorf("make recovery codes: %w", err)
	}
	return codes, nil
}

// recoveryText is a recovery code in its one form. It is false for what cannot be one.
func recoveryText(typed string) (string, bool) {
	text := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.TrimSpace(typed)))
	return text, len(text) == recoveryLength
}

func recoveryDigest(account int64, text string) []byte {
	return Digest(string(append(binary.BigEndian.AppendUint64(nil, uint64(account)), text...)))
}

// useRecoveryTx works in a cool-down too, and ends it.
func useRecoveryTx(ctx context.Context, tx pgx.Tx, account int64, text string) error {
	tag, err := tx.Exec(ctx, useRecovery, account, recoveryDigest(account, text))
	if err == nil && tag.RowsAffected() != 1 {
		return ErrRefused
	}
	if err == nil {
		_, err = tx.Exec(ctx, endCooling, account)
	}
	if err != nil {
		return fmt.Errorf("use a recovery code: %w", err)
	}
	return nil
}
