package login

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// codeAt is what the app shows that many steps from now.
func codeAt(t testing.TB, secret string, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps*stepTime)*time.Second))
	must(t, err)
	return code
}

// wrongCode is no code of the steps around now.
func wrongCode(t testing.TB, secret string) string {
	t.Helper()
	var right []string
	for step := -3; step <= 3; step++ {
		right = append(right, codeAt(t, secret, step))
	}
	for _, code := range []string{"000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777"} {
		if !slices.Contains(right, code) {
			return code
		}
	}
	t.Fatal("every code is right")
	return ""
}

// enrolled is an account whose app has the secret, and whose codes up to now are spent no further than the step before.
func enrolled(t testing.TB) (f *SecondFactors, pool *pgxpool.Pool, account int64, secret string, recovery []string) {
	t.Helper()
	s, pool, who := newTeam(t)
	f, account = NewSecondFactors(s, "Shop", nil), who[0].ID
	begun, err := f.Begin(testContext(t), account, who[0].Username)
	must(t, err)
	recovery, err = f.Confirm(testContext(t), account, codeAt(t, begun.Secret, 0))
	must(t, err)
	exec(t, pool, `UPDATE second_factors SET last_step = 0`)
	return f, pool, account, begun.Secret, recovery
}

func TestASecondFactorIsBegunAndConfirmed(t *testing.T) {
	t.Parallel()
	s, pool, who := newTeam(t)
	f, account := NewSecondFactors(s, "Flash Sale", nil), who[0].ID
	if _, err := f.Confirm(testContext(t), account, "123456"); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("nothing to confirm: %v", err)
	}
	begun, err := f.Begin(testContext(t), account, "jöhn doe")
	must(t, err)
	again, err := f.Begin(testContext(t), account, "jöhn doe")
	if err != nil || again != begun {
		t.Errorf("%+v, then %+v %v", begun, again, err)
	}
	key, err := otp.NewKeyFromURL(begun.URI)
	if err != nil || key.Secret() != begun.Secret || key.Issuer() != "Flash Sale" || key.AccountName() != "jöhn doe" || len(begun.Secret) != 32 {
		t.Errorf("%s %v", begun.URI, err)
	}
	if err := f.Check(testContext(t), account, codeAt(t, begun.Secret, 0)); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("before it is confirmed: %v", err)
	}
	if on, err := f.Enrolled(testContext(t), account); on || err != nil {
		t.Errorf("enrolled %v %v", on, err)
	}
	if _, err := f.Confirm(testContext(t), account, wrongCode(t, begun.Secret)); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong code: %v", err)
	}
	exec(t, pool, `UPDATE second_factors SET begun_at = begun_at - interval '2 hours'`)
	if _, err := f.Confirm(testContext(t), account, codeAt(t, begun.Secret, 0)); !errors.Is(err, ErrExpired) {
		t.Errorf("a secret of two hours ago: %v", err)
	}
	fresh, err := f.Begin(testContext(t), account, "jöhn doe")
	if err != nil || fresh.Secret == begun.Secret {
		t.Errorf("a secret of two hours ago is shown again (%v)", err)
	}
	code := codeAt(t, fresh.Secret, 0)
	codes, err := f.Confirm(testContext(t), account, code[:3]+" "+code[3:]+" ")
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$`)
	slices.Sort(codes)
	if err != nil || len(slices.Compact(codes)) != recoveryCodes || slices.ContainsFunc(codes, func(c string) bool { return !form.MatchString(c) }) {
		t.Errorf("%q %v", codes, err)
	}
	if err := f.Check(testContext(t), account, code); !errors.Is(err, ErrRefused) {
		t.Errorf("the code that confirmed it: %v", err)
	}
	if on, err := f.Enrolled(testContext(t), account); !on || err != nil {
		t.Errorf("enrolled %v %v", on, err)
	}
	if role := roleOf(t, s, account); role != NoRole {
		t.Errorf("a second factor gives the role %q", role)
	}
	if _, err := f.Begin(testContext(t), account, "x"); !errors.Is(err, ErrEnrolled) {
		t.Errorf("another one beside it: %v", err)
	}
	if _, err := f.Confirm(testContext(t), account, codeAt(t, fresh.Secret, 1)); !errors.Is(err, ErrEnrolled) {
		t.Errorf("confirmed again: %v", err)
	}
	var kept string
	must(t, pool.QueryRow(testContext(t), `SELECT string_agg(r::text, ' ') FROM recovery_codes r`).Scan(&kept))
	for _, code := range codes {
		if strings.Contains(kept, code) || strings.Contains(kept, strings.ReplaceAll(code, "-", "")) {
			t.Errorf("a recovery code is kept: %s", kept)
		}
	}
}

func TestACodeWorksOnce(t *testing.T) {
	t.Parallel()
	f, pool, account, secret, recovery := enrolled(t)
	code := codeAt(t, secret, 0)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = f.Check(testContext(t), account, code) })
	}
	all.Wait()
	taken := 0
	for _, err := range errs {
		if err == nil {
			taken++
		} else if !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
	}
	if taken != 1 {
		t.Errorf("a code at four browsers at once is taken %d times", taken)
	}
	if err := f.Check(testContext(t), account, codeAt(t, secret, -1)); !errors.Is(err, ErrRefused) {
		t.Errorf("the code before it: %v", err)
	}
	exec(t, pool, `UPDATE second_factors SET last_step = 0, failures = 0`)
	for _, far := range []int{-3, 3} {
		if err := f.Check(testContext(t), account, codeAt(t, secret, far)); !errors.Is(err, ErrRefused) {
			t.Errorf("a code %d steps away: %v", far, err)
		}
	}
	typed := strings.ToLower(strings.ReplaceAll(recovery[0], "0", "o"))
	var both [2]error
	for i := range both {
		all.Go(func() { both[i] = f.Check(testContext(t), account, " "+typed) })
	}
	all.Wait()
	if (both[0] == nil) == (both[1] == nil) || !errors.Is(errors.Join(both[:]...), ErrRefused) {
		t.Errorf("a recovery code twice at once: %v", both)
	}
}

// Wrong codes slow down who makes them; with a recovery code its owner comes in all the same.
func TestWrongCodesCoolDownAndLockNobodyOut(t *testing.T) {
	t.Parallel()
	f, pool, account, secret, recovery := enrolled(t)
	wrong := wrongCode(t, secret)
	cool := func() time.Duration {
		t.Helper()
		var seconds float64
		must(t, pool.QueryRow(testContext(t), `SELECT extract(epoch FROM cool_until - clock_timestamp())::float8 FROM second_factors`).Scan(&seconds))
		return time.Duration(seconds * float64(time.Second)).Round(time.Minute)
	}
	errs := make([]error, 12)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = f.Check(testContext(t), account, wrong) })
	}
	all.Wait()
	refused := 0
	for _, err := range errs {
		if errors.Is(err, ErrRefused) {
			refused++
		} else if !errors.Is(err, ErrCooling) {
			t.Error(err)
		}
	}
	if refused != 5 || cool() != 10*time.Minute {
		t.Errorf("%d codes were looked at, then it cools for %v", refused, cool())
	}
	if err := f.Check(testContext(t), account, codeAt(t, secret, 0)); !errors.Is(err, ErrCooling) {
		t.Errorf("the right code in the cool-down: %v", err)
	}
	if err := f.Check(testContext(t), account, "ABCDE-ABCDE"); !errors.Is(err, ErrRefused) || cool() != 10*time.Minute {
		t.Errorf("a wrong recovery code: %v, it cools for %v", err, cool())
	}
	for _, want := range []time.Duration{20 * time.Minute, 40 * time.Minute} {
		exec(t, pool, `UPDATE second_factors SET cool_until = clock_timestamp()`)
		for range 5 {
			if err := f.Check(testContext(t), account, wrong); !errors.Is(err, ErrRefused) {
				t.Fatal(err)
			}
		}
		if cool() != want {
			t.Errorf("it cools for %v, want %v", cool(), want)
		}
	}
	exec(t, pool, `UPDATE second_factors SET cool_until = clock_timestamp(), failures = 499`)
	if err := f.Check(testContext(t), account, wrong); !errors.Is(err, ErrRefused) || cool() != 24*time.Hour {
		t.Errorf("%v, after five hundred wrong codes it cools for %v", err, cool())
	}
	if err := f.Check(testContext(t), account, recovery[3]); err != nil {
		t.Errorf("a recovery code in the cool-down: %v", err)
	}
	if err := f.Check(testContext(t), account, codeAt(t, secret, 0)); err != nil {
		t.Errorf("the right code after it: %v", err)
	}
}

func TestAResetRemovesTheSecondFactorAndEndsTheSessions(t *testing.T) {
	t.Parallel()
	f, pool, account, secret, recovery := enrolled(t)
	sessions := process(t, pool, SessionsConfig{})
	credential, _, err := sessions.Start(testContext(t), seeded(t, pool)[0], Origin{})
	must(t, err)
	reset := func(by Giver) (was bool, err error) {
		err = inTx(t, f.store, func(ctx context.Context, tx pgx.Tx) (err error) {
			was, err = f.store.ResetSecondFactorTx(ctx, tx, account, by)
			return err
		})
		return was, err
	}
	if _, err := reset(Giver{account, "x"}); !errors.Is(err, ErrNotOwner) {
		t.Errorf("by somebody without a role: %v", err)
	}
	if was, err := reset(command); !was || err != nil {
		t.Fatalf("%v %v", was, err)
	}
	if was, err := reset(command); was || err != nil {
		t.Errorf("once more: %v %v", was, err)
	}
	for _, code := range []string{codeAt(t, secret, 0), recovery[0]} {
		if err := f.Check(testContext(t), account, code); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("%v", err)
		}
	}
	must(t, sessions.Refresh(testContext(t)))
	if _, err := sessions.Check(credential, time.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("the session from before: %v", err)
	}
	fresh, err := f.Begin(testContext(t), account, "x")
	if err != nil || fresh.Secret == secret {
		t.Errorf("the secret comes back (%v)", err)
	}
}
