package limits

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// metFor is how long it is known which limits an account has met.
const metFor = 30 * 24 * time.Hour

// ErrNotKnown means that Redis does not answer now, which knows what was asked for.
var ErrNotKnown = errors.New("limits: redis does not answer")

// Met is a limit that attempts at an account have met: whoever made them, also strangers.
type Met struct {
	Policy Policy
	// By says whose budget was spent.
	By By
	// At is when an attempt was refused last, by the clock of the process that refused it.
	At time.Time
}

// noteRefused is Note for an attempt whose verdict is there. A name that nobody has is not noted.
func (l *Limits) noteRefused(policy Policy, who asker, v Verdict) {
	id, ok := strings.CutPrefix(who.account, accountPrefix)
	if v.OK || !ok {
		return
	}
	if account, err := strconv.ParseInt(id, 10, 64); err == nil {
		l.Note(account, policy, v.By)
	}
}

// Met are the limits that attempts at an account have met within the last thirty days, the newest first; of each the last time. Error:
// ErrNotKnown.
func (l *Limits) Met(ctx context.Context, account int64) ([]Met, error) {
	if l.client == nil {
		return nil, ErrNotKnown
	}
	key := l.metKey(AccountKey(account))
	kept, err := guarded(ctx, l, func(ctx context.Context) (map[string]string, error) {
		return l.client.Do(ctx, l.client.B().Hgetall().Key(key).Build()).AsStrMap()
	})
	if err != nil {
		return nil, errors.Join(ErrNotKnown, err)
	}
	var all []Met
	oldest := time.Now().Add(-metFor)
	for field, value := range kept {
		policy, by, _ := strings.Cut(field, " ")
		milli, err := strconv.ParseInt(value, 10, 64)
		if err != nil || time.UnixMilli(milli).Before(oldest) {
			continue
		}
		all = append(all, Met{Policy(policy), By(by), time.UnixMilli(milli).UTC()})
	}
	slices.SortFunc(all, func(a, b Met) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.By, b.By))
	})
	return all, nil
}

func (l *Limits) metKey(account string) string { return l.key("met", account) }
