package stress

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// What an instance answers when nobody can sign in there.
var (
	// ErrAccounts is returned when accounts cannot be made or used; the text says what to do.
	ErrAccounts = errors.New("no accounts")
	errDemo     = fmt.Errorf("%w: it is in demo mode, where there is nothing to sign in to; start it with DEMO=false, or leave --accounts out", ErrAccounts)
	errNoMail   = fmt.Errorf("%w: codes can be read only from an instance with MAIL_DEV=true on this machine; give sessions with --accounts-file instead", ErrAccounts)
)

const (
	// signInTries bounds how often one step is repeated when the instance asks to wait.
	signInTries = 60
	// longestWait is how long an instance may ask to wait before it counts as refused.
	longestWait = 30 * time.Second
	// mailPatience bounds the wait for one mail.
	mailPatience = 20 * time.Second
	// betweenMails is how long after a code an account gets the next one.
	betweenMails = 61 * time.Second
	// signers is how many accounts sign in at once; more would only queue for the instance's mails.
	signers = 48
)

// SignIns makes accounts and sessions on an instance outside demo mode, by codes that it reads at /dev/mail: a password
// costs the instance 50 ms of CPU by design, so that a thousand of them would take a minute.
type SignIns struct {
	// Pause is how long after a code an account gets the next one; NewSignIns sets what the product takes.
	Pause time.Duration

	base   string
	client *client
	tag    string
}

// NewSignIns is for the instance at a base address. Close ends its connections.
func NewSignIns(base string) *SignIns {
	return &SignIns{base: base, client: newClient([]string{base}, signers), tag: strconv.FormatUint(rand.Uint64N(1<<40), 36), Pause: betweenMails}
}

// Close ends the connections.
func (s *SignIns) Close() { s.client.close() }

// Create makes n accounts with a verified address each. done is called after each one.
func (s *SignIns) Create(ctx context.Context, n int, done func()) ([]*Account, error) {
	list := make([]*Account, n)
	for i := range list {
		list[i] = newAccount(s.tag, i)
	}
	return list, s.each(ctx, list, done, s.signUp)
}

// Rest waits until each of the accounts can have another code: an instance sends an address one a minute.
func (s *SignIns) Rest(ctx context.Context, list []*Account) error {
	var last time.Time
	for _, a := range list {
		if a.mailed.After(last) {
			last = a.mailed
		}
	}
	return pause(ctx, time.Until(last.Add(s.Pause)))
}

// SignIn gives each of the accounts a new session, after a Rest. done is called after each one.
func (s *SignIns) SignIn(ctx context.Context, list []*Account, done func()) error {
	if err := s.Rest(ctx, list); err != nil {
		return err
	}
	return s.each(ctx, list, done, func(ctx context.Context, a *Account) error {
		a.forget()
		if err := s.code(ctx, a); err != nil {
			return err
		}
		return s.signedIn(a)
	})
}

func (s *SignIns) each(ctx context.Context, list []*Account, done func(), act func(context.Context, *Account) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(signers)
	for _, a := range list {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := act(ctx, a); err != nil {
				return fmt.Errorf("%s: %w", a.Name, err)
			}
			done()
			return nil
		})
	}
	return group.Wait()
}

func (s *SignIns) signedIn(a *Account) error {
	if a.Session() == "" {
		return fmt.Errorf("%w: the right code gave no session", ErrAccounts)
	}
	return nil
}

// signUp proves an address that nobody has, and chooses the username.
func (s *SignIns) signUp(ctx context.Context, a *Account) error {
	if err := s.code(ctx, a); err != nil {
		return err
	}
	if a.Session() != "" {
		return fmt.Errorf("%w: a new address was somebody's", ErrAccounts)
	}
	if err := s.post(ctx, a, "/sign-up", map[string]string{"username": a.Name}); err != nil {
		return err
	}
	return s.signedIn(a)
}

// code asks for a code and types it.
func (s *SignIns) code(ctx context.Context, a *Account) error {
	if err := s.post(ctx, a, "/sign-in/code", map[string]string{"name": a.Email}); err != nil {
		return err
	}
	code, err := s.mailed(ctx, a)
	if err != nil {
		return err
	}
	return s.post(ctx, a, "/sign-in/code/verify", map[string]string{"code": code})
}

// post sends a form of an account and keeps the cookies of the answer. While the instance asks to wait, it waits.
func (s *SignIns) post(ctx context.Context, a *Account, path string, body any) error {
	for try := 0; ; try++ {
		answer, err := s.client.sendAs(ctx, a, requestTimeout, http.MethodPost, s.base+path, body)
		switch {
		case err != nil:
			return err
		case answer.code/100 == 2:
			a.keepCookies(answer.cookies)
			return nil
		case !busy(answer) || answer.retryAfter > longestWait || try == signInTries:
			return s.refusal(path, answer)
		}
		if err := pause(ctx, max(answer.retryAfter, backoff(try))); err != nil {
			return err
		}
	}
}

// busy is true of an answer after which the same request may be made again.
func busy(answer reply) bool {
	return answer.code == http.StatusTooManyRequests || answer.code == http.StatusServiceUnavailable
}

func (s *SignIns) refusal(path string, answer reply) error {
	var said pressed
	if answer.decode(&said) == nil && (said.kind() == "demo-mode" || said.kind() == "forwarded") {
		return errDemo // a demo for this machine alone refuses what was forwarded before it looks further
	}
	return fmt.Errorf("%w: %s answered %d: %s", ErrAccounts, path, answer.code, message(answer))
}

// codeMailed finds the newest mail with a code to an address in the page of /dev/mail, which lists the newest first: its id, and
// the code, with which its subject begins.
func codeMailed(page []byte, to string) (id, code string) {
	row := regexp.MustCompile(`<td>` + regexp.QuoteMeta(to) + `</td><td><a href="/dev/mail/(\d+)">(\d{6})\b`)
	if found := row.FindSubmatch(page); found != nil {
		return string(found[1]), string(found[2])
	}
	return "", ""
}

// mailed waits for the mail with the account's next code. The mails are shown on loopback only, so nothing is forwarded.
func (s *SignIns) mailed(ctx context.Context, a *Account) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, mailPatience)
	defer cancel()
	for try := 0; ; try++ {
		answer, err := s.client.send(ctx, requestTimeout, http.MethodGet, s.base+"/dev/mail", nil)
		switch {
		case err != nil:
			return "", fmt.Errorf("the mail with the code: %w", err)
		case answer.code != http.StatusOK && !busy(answer):
			return "", errNoMail
		}
		if id, code := codeMailed(answer.body, a.Email); id != a.spent {
			a.spent, a.mailed = id, time.Now()
			return code, nil
		}
		if err := pause(ctx, min(backoff(try), 100*time.Millisecond)); err != nil {
			return "", fmt.Errorf("no mail with a code came within %v: %w", mailPatience, err)
		}
	}
}

// pause waits, or fails with ctx.
func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
