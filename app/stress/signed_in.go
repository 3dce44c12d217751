package stress

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// strangers is how many shoppers try to buy for somebody else.
const strangers = 20

// signedIn is the scenario outside demo mode: accounts that have signed in ahead press all at once for what the sale has
// left. Nobody resets a sale there, so the stock is the sale's, and the units sold before are not counted.
func signedIn(n int) Scenario {
	return Scenario{Name: "accounts", About: fmt.Sprintf("%d accounts, signed in ahead, for the units that are left", n), Users: n, steps: sellToAccounts}
}

func sellToAccounts(ctx context.Context, r *run) error {
	accounts, err := r.signInAhead(ctx)
	if err != nil {
		return err
	}
	now, err := r.status(ctx, r.client.bases[0])
	if err != nil {
		return err
	}
	if now.Status != "active" || now.CurrentStock < 1 {
		return fmt.Errorf("%w: the sale is %q with %d units left, and nobody could buy", ErrTarget, now.Status, now.CurrentStock)
	}
	r.generation, r.before, r.scenario.Stock = now.Generation, now.Sold, now.CurrentStock
	r.shoppers = make([]*shopper, len(accounts))
	for i, a := range accounts {
		r.shoppers[i] = newShopper(i+1, r.cfg.Seed)
		r.shoppers[i].name, r.shoppers[i].account = a.Name, a
	}
	r.shuffle()
	if err := r.pressAll(ctx); err != nil {
		return err
	}
	if err := r.forEach(ctx, "finding receipts again", r.winners(), r.findAgain); err != nil {
		return err
	}
	if err := r.forEach(ctx, "trying for somebody else", r.shoppers[:min(strangers, len(r.shoppers)-1)], r.buyForAnother); err != nil {
		return err
	}
	return r.audit(ctx)
}

// signInAhead makes the accounts, whose sign-up leaves a session; or it takes those whose sessions were given.
func (r *run) signInAhead(ctx context.Context) ([]*Account, error) {
	if len(r.cfg.Sessions) > 0 {
		return r.cfg.Sessions, nil
	}
	signIns := NewSignIns(r.client.bases[0])
	defer signIns.Close()
	r.bar.begin("signing up and in", r.cfg.Accounts)
	defer r.bar.end()
	began := time.Now()
	list, err := signIns.Create(ctx, r.cfg.Accounts, r.bar.step)
	r.ahead = &Ahead{Accounts: len(list), Took: milliseconds(time.Since(began))}
	return list, err
}

// Ahead says what was done before the first press outside demo mode. Took is in milliseconds.
type Ahead struct {
	Accounts int     `json:"accounts"`
	Took     float64 `json:"tookMs"`
}

// findAgain looks up what a shopper has bought, as the shopper.
func (r *run) findAgain(ctx context.Context, s *shopper) error {
	answer, err := r.look(ctx, s.account, "/api/flash-sale/purchase/"+s.name)
	if err != nil {
		return err
	}
	var said struct {
		receipt
		HasPurchased bool
	}
	if err := answer.decode(&said); err != nil {
		return err
	}
	if !said.HasPurchased || said.receipt != s.receipts[len(s.receipts)-1] {
		r.tally.unexpected("lost: %s, who has %v, is told %v", s.name, s.receipts, said)
	}
	return nil
}

// buyForAnother tries what must be refused: to press in another's name with one's own session and with none, and to look up
// what the other has bought.
func (r *run) buyForAnother(ctx context.Context, s *shopper) error {
	other := r.shoppers[len(r.shoppers)-1].name // of those who try, nobody is the last one
	purchase, body := r.pick(s)+"/api/flash-sale/purchase", map[string]string{"username": other}
	for _, try := range []struct {
		what, method, url string
		who               *Account
		body              any
		want              int
	}{
		{"pressed for another", http.MethodPost, purchase, s.account, body, http.StatusForbidden},
		{"pressed without a session", http.MethodPost, purchase, nil, body, http.StatusUnauthorized},
		{"asked what another has bought", http.MethodGet, purchase + "/" + other, s.account, nil, http.StatusForbidden},
	} {
		answer, err := r.patiently(ctx, try.who, try.method, try.url, try.body)
		if err != nil {
			return err
		}
		var said pressed
		if answer.code != try.want || answer.decode(&said) != nil || said.ID != "" {
			r.tally.unexpected("a shopper %s and was answered %d instead of %d: %s", try.what, answer.code, try.want, message(answer))
		}
	}
	return nil
}

// patiently sends a request again while the instance asks to wait.
func (r *run) patiently(ctx context.Context, who *Account, method, url string, body any) (reply, error) {
	for try := 0; ; try++ {
		answer, err := r.client.sendAs(ctx, who, requestTimeout, method, url, body)
		if err != nil || !busy(answer) || try == maxPresses {
			return answer, err
		}
		if err := pause(ctx, min(max(answer.retryAfter, backoff(try)), maxPause)); err != nil {
			return reply{}, err
		}
	}
}
