package login

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashsale/users"
)

func TestSignUpRefuses(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	list := seeded(t, p.store.pool)
	signUp(t, p, SignUp{Username: "Stra\u00dfe", Password: good, VerifiedEmail: "road@example.org"})
	signUp(t, p, SignUp{Username: "gone", Password: good})
	_, err := p.store.pool.Exec(t.Context(), `UPDATE users SET archived_at = now() WHERE username IN ('gone', 'john_doe')`)
	succeeds(t, err)
	before := accountsOf(t, p)
	for what, one := range map[string]struct {
		SignUp
		want  error
		field string
	}{
		"taken":                       {SignUp{"jane_smith", good, ""}, ErrTaken, "username"},
		"taken in another spelling":   {SignUp{"STRASSE", good, ""}, ErrTaken, "username"},
		"archived":                    {SignUp{"gone", good, ""}, ErrTaken, "username"},
		"archived, of the series":     {SignUp{"John_Doe", good, ""}, ErrTaken, "username"},
		"address of another":          {SignUp{"new", good, "ROAD@example.org"}, ErrTaken, "email"},
		"address, without a password": {SignUp{"new", "", "road@example.org"}, ErrTaken, "email"},
		"no path":                     {SignUp{"..", good, ""}, users.ErrName, ""},
		"an address as a username":    {SignUp{"new@example.org", good, ""}, users.ErrName, ""},
		"no name":                     {SignUp{"", good, ""}, users.ErrName, ""},
		"no address":                  {SignUp{"new", good, "example.org"}, users.ErrName, ""},
		"no password and no address":  {SignUp{"new", "", ""}, &WeakError{}, "password"},
		"weak":                        {SignUp{"new", "password1", ""}, &WeakError{}, "password"},
		"weak, with an address":       {SignUp{"new", "12345678", "new@example.org"}, &WeakError{}, "password"},
		"made of the name":            {SignUp{"Zbigniew Brz\u0119czyszczykiewicz", "zbigniew brz\u0119czyszczykiewicz1", ""}, &WeakError{}, "password"},
	} {
		hashes := p.Counts().Hashes
		_, err := p.SignUp(t.Context(), one.SignUp)
		field, taken, weak := "", (*users.TakenError)(nil), (*WeakError)(nil)
		switch {
		case errors.As(err, &taken):
			field = taken.Field
		case errors.As(err, &weak):
			field = weak.Field
			one.want = err
		}
		if !errors.Is(err, one.want) || field != one.field {
			t.Errorf("%s: %v, field %q", what, err, field)
		}
		if n := p.Counts().Hashes - hashes; n != 0 {
			t.Errorf("%s: %d hashes were made for nothing", what, n)
		}
	}
	if now := accountsOf(t, p); now != before || len(list) == 0 {
		t.Errorf("%d accounts became %d", before, now)
	}
}

func accountsOf(t *testing.T, p *Passwords) (n int) {
	t.Helper()
	succeeds(t, p.store.pool.QueryRow(t.Context(), `SELECT count(*) FROM users`).Scan(&n))
	return n
}

// One who is too late with a name finds that out before the password is kept.
func TestTwoWhoWantOneNameAtOnce(t *testing.T) {
	t.Parallel()
	p := newPasswords(t, newPool(t), PasswordsConfig{})
	results := make(chan error, 8)
	for n := range cap(results) {
		go func() {
			_, err := p.SignUp(t.Context(), SignUp{Username: "ann", Password: fmt.Sprint(good, n)})
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else if !errors.Is(err, ErrTaken) {
			t.Error(err)
		}
	}
	var kept int
	succeeds(t, p.store.pool.QueryRow(t.Context(), `SELECT count(*) FROM passwords`).Scan(&kept))
	if won != 1 || kept != 1 {
		t.Errorf("%d have the name, %d passwords are kept", won, kept)
	}
}

func TestPasswordsThatAreTakenAndNot(t *testing.T) {
	t.Parallel()
	about := []string{"Bartholomew_Quince", "b.quince@flowers.example"}
	for password, want := range map[string]string{
		good:                           "",
		"Tr0ub4dor&3":                  "",
		"correct horse battery staple": "",
		"\u5927\u962a\u306e\u591c\u306f\u96e8\u3060\u3063\u305f":            "",
		strings.Repeat("a long one, with several words. ", 8)[:maxPassword]: "",
		"":                            "choose a password",
		"short 1":                     "at least 8",
		"1234567\u0301":               "at least 8 characters or easy", // eight code points, and seven letters
		strings.Repeat("x9", 129):     "at most 256",
		strings.Repeat("\u00e9", 257): "at most 256",
		"with a \x00 byte":            "typed everywhere",
		"with a\ttab in it":           "typed everywhere",
		"not utf-8 \xff\xfe":          "typed everywhere",
		"password":                    "easy to guess",
		"passwordpassword":            "easy to guess",
		"qwertyuiop":                  "easy to guess",
		"aaaaaaaaaaaaaaaaaaaaaaaaa":   "easy to guess",
		"abcdefghijklmnop":            "easy to guess",
		"19.07.1984":                  "easy to guess",
		"bartholomew_quince":          "made of your name",
		"Bartholomew_Quince1!":        "made of your name",
		"b.quince@flowers.example":    "made of your name",
		"quince2026":                  "easy to guess",
		"ecniuq_wemolohtrab":          "easy to guess",
	} {
		prepared, err := prepareNewPassword(password)
		if err == nil {
			err = judge(prepared, about...)
		}
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", password, err)
		case want == "":
		case err == nil || !strings.Contains(err.Error(), strings.SplitN(want, " or ", 2)[0]) && !strings.Contains(err.Error(), "easy"):
			t.Errorf("%q: %v, want %q", password, err, want)
		case len(password) > 8 && strings.Contains(err.Error(), password):
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

// Some texts of a hundred characters took the estimate four seconds, which is longer than the hash of a password. The bound is wide, because
// machines that test are slow.
func TestNoPasswordTakesTheEstimateLong(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"4@8({[<369&#!1/|0$5+7%2", "password1", "1/1/91", "abcdefgh1234", "a", "\u00e9", "\U0001f469"} {
		password, err := prepareNewPassword(firstOf(strings.Repeat(text, maxPassword), maxPassword))
		succeeds(t, err)
		start := time.Now()
		_ = judge(password, strings.Repeat("n", 100), strings.Repeat("e", 200)+"@example.org")
		if took := time.Since(start); took > time.Second {
			t.Errorf("%d times %q takes %s", maxPassword, text, took)
		}
	}
}
