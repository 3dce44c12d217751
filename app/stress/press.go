package stress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// maxPresses bounds how often one shopper presses because it was asked to.
	maxPresses = 40
	// maxPause bounds what a Retry-After or a backoff may ask for.
	maxPause = 2 * time.Second
	// pollEvery is how often a pending claim is looked at.
	pollEvery = 50 * time.Millisecond
)

const problemPrefix = "/problems/"

// pressed is the document of a purchase, whatever it says. A receipt is what has a purchaseId; success tells the request that
// bought the unit from a repeat. The status tells neither: with LEGACY_STATUS it is 201 for both, and for refusals.
type pressed struct {
	receipt
	Success bool   `json:"success"`
	UserID  string `json:"userId"`
	Type    string `json:"type"`
	State   string `json:"state"`
}

// conclusive are the kinds of refusals that a sale gives and that another press does not change.
func conclusive(kind string) bool {
	switch kind {
	case "not-started", "ended", "paused", "sold-out", "all-claimed", "undecidable":
		return true
	}
	return false
}

// kind is the short name of a problem.
func (p pressed) kind() string {
	if p.Type == "" {
		return "untyped"
	}
	return strings.TrimPrefix(p.Type, problemPrefix)
}

// buy presses until the shopper has a final answer, or has pressed often and long enough. An answer that asks to retry,
// a lost connection and a generation that has changed are not final. It fails only with ctx.
func (r *run) buy(ctx context.Context, s *shopper) error {
	patience := time.Now().Add(r.cfg.Patience)
	for try := 0; try < maxPresses && (try == 0 || time.Now().Before(patience)); try++ {
		s.unsettled = true
		wait, final, err := r.press(ctx, s, try)
		if err != nil || final {
			return err
		}
		r.tally.retried()
		if err := pause(ctx, jitter(s, wait)); err != nil {
			return err
		}
	}
	r.tally.gaveUp()
	return nil
}

// press is one request and what follows from its answer: final, or press again after a wait.
func (r *run) press(ctx context.Context, s *shopper, try int) (wait time.Duration, final bool, err error) {
	answer, answered := r.purchase(ctx, s)
	if ctx.Err() != nil {
		return 0, false, ctx.Err()
	}
	s.presses++
	if !answered {
		r.tally.disconnected()
		return backoff(try), false, nil
	}
	r.tally.answered(answer)
	if try == 0 && !s.due.IsZero() {
		r.tally.arrived(time.Since(s.due))
	}
	var said pressed
	unreadable := answer.decode(&said)
	switch {
	case unreadable != nil:
		r.tally.unexpected("%v", unreadable)
		return backoff(try), false, nil
	case answer.code == http.StatusAccepted:
		return r.follow(ctx, s, answer)
	case said.ID != "" && s.account != nil && said.UserID != s.name:
		r.tally.unexpected("%s was given the receipt of %q", s.name, said.UserID)
		s.refused("not-mine")
		return 0, true, nil
	case said.ID != "":
		s.inherited = s.inherited || !said.Success && s.presses == 1
		s.keep(said.receipt)
		return 0, true, nil
	case said.Success:
		r.tally.unexpected("a purchase answered %d without a purchaseId", answer.code)
		s.refused(said.kind())
		return 0, true, nil
	}
	return r.onRefusal(s, answer, said.kind(), try)
}

// onRefusal tells a refusal that is final from one that asks for another press.
func (r *run) onRefusal(s *shopper, answer reply, kind string, try int) (wait time.Duration, final bool, err error) {
	r.tally.problem(kind)
	switch {
	case answer.code == http.StatusServiceUnavailable, answer.code == http.StatusTooManyRequests:
		return max(answer.retryAfter, backoff(try)), false, nil
	case kind == "generation-changed":
		return 0, false, nil
	case !conclusive(kind):
		r.tally.unexpected("a purchase answered %d: %s", answer.code, message(answer))
	}
	s.refused(kind)
	return 0, true, nil
}

// purchase sends the press to an instance of the shopper's choice. Why there was no answer does not matter: the
// purchase may have been made or not, and pressing again shows which.
func (r *run) purchase(ctx context.Context, s *shopper) (answer reply, answered bool) {
	body := map[string]string{"username": s.name}
	if s.account != nil && s.presses == 0 {
		body = map[string]string{} // the session says who it is
	}
	answer, err := r.client.sendAs(ctx, s.account, requestTimeout, http.MethodPost, r.pick(s)+"/api/flash-sale/purchase", body)
	return answer, err == nil
}

func (r *run) pick(s *shopper) string {
	return r.client.bases[s.random.IntN(len(r.client.bases))]
}

// follow looks at a pending claim, where its 202 said, until it has a verdict.
func (r *run) follow(ctx context.Context, s *shopper, accepted reply) (wait time.Duration, final bool, err error) {
	r.tally.deferred()
	path, ok := localPath(accepted.location)
	if !ok {
		r.tally.unexpected("a 202 has no usable Location: %.100q", accepted.location)
		return maxPause, false, nil
	}
	patience := time.Now().Add(r.cfg.Patience)
	for time.Now().Before(patience) {
		if err := pause(ctx, jitter(s, pollEvery)); err != nil {
			return 0, false, err
		}
		answer, err := r.client.sendAs(ctx, s.account, requestTimeout, http.MethodGet, r.pick(s)+path, nil)
		if ctx.Err() != nil {
			return 0, false, ctx.Err()
		}
		if err != nil {
			r.tally.disconnected()
			continue
		}
		wait, final, decided := r.verdict(s, answer)
		if decided {
			return wait, final, nil
		}
	}
	r.tally.unexpected("a pending purchase had no verdict after %v", r.cfg.Patience)
	return 0, false, nil
}

// verdict reads what became of a pending claim; decided is false while nothing has.
func (r *run) verdict(s *shopper, answer reply) (wait time.Duration, final, decided bool) {
	switch answer.code {
	case http.StatusAccepted, http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return 0, false, false
	case http.StatusGone: // not bought, press again
		return 0, false, true
	}
	var said pressed
	if err := answer.decode(&said); err != nil || answer.code != http.StatusOK {
		r.tally.unexpected("a pending purchase answered %d: %s", answer.code, message(answer))
		return maxPause, false, true
	}
	switch {
	case said.State == "ordered" && said.ID != "":
		s.keep(said.receipt)
		return 0, true, true
	case said.State == "declined":
		r.tally.problem(said.kind())
		if said.kind() == "generation-changed" {
			return 0, false, true
		}
		s.refused(said.kind())
		return 0, true, true
	}
	r.tally.unexpected("a pending purchase is in state %.40q", said.State)
	return maxPause, false, true
}

// localPath takes the path of a Location: the claim is looked up where the shopper pressed, whatever host the Location
// names.
func localPath(location string) (string, bool) {
	if _, rest, ok := strings.Cut(location, "://"); ok {
		_, path, _ := strings.Cut(rest, "/")
		location = "/" + path
	}
	return location, strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "//")
}

// backoff doubles from 20 ms.
func backoff(try int) time.Duration {
	return min(20*time.Millisecond<<min(try, 10), maxPause)
}

// jitter spreads shoppers who were refused together, so that they do not come back together.
func jitter(s *shopper, wait time.Duration) time.Duration {
	wait = min(wait, maxPause)
	if wait <= 0 {
		return 0
	}
	return wait/2 + time.Duration(s.random.Int64N(int64(wait)))
}

// settle finds out for a shopper without a final answer whether there is a purchase, without making one.
func (r *run) settle(ctx context.Context, s *shopper) error {
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
	if said.HasPurchased {
		s.keep(said.receipt)
	}
	return nil
}

// look reads something that a healthy server has at once, and retries for a while when the server has it not.
func (r *run) look(ctx context.Context, who *Account, path string) (reply, error) {
	for try := 0; ; try++ {
		answer, err := r.client.sendAs(ctx, who, requestTimeout, http.MethodGet, r.client.bases[try%len(r.client.bases)]+path, nil)
		if err == nil && answer.code == http.StatusOK {
			return answer, nil
		}
		if err == nil {
			err = fmt.Errorf("%s answered %d: %s", path, answer.code, message(answer))
		}
		if try == 10 || ctx.Err() != nil {
			return reply{}, errors.Join(err, ctx.Err())
		}
		if err := pause(ctx, backoff(try)); err != nil {
			return reply{}, err
		}
	}
}
