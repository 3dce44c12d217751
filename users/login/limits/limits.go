package limits

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the Lua below
	"encoding/base64"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/rueidis"
)

const (
	// takeWithin bounds a question to Redis. Somebody waits for the answer, and this process can count by itself.
	takeWithin = 500 * time.Millisecond
	// failures in a row open the breaker: one late answer must not make every process count by itself.
	failures = 3
	// retryEvery is the shortest time between two attempts at a server that failed.
	retryEvery = 500 * time.Millisecond
	// takesInFlight bounds the questions that wait for an answer, and so the goroutines that wait for a silent server.
	takesInFlight = 256
	// mostLocal is how many budgets are remembered here while Redis is away.
	mostLocal = 100_000
	// rememberedFor is how long a network counts as one of the owner's after the last sign-in.
	rememberedFor = 90 * 24 * time.Hour
)

//go:embed limit.lua
var limitLua string

// The script is not retried by the client: one whose reply was lost may have run.
var limitScript = rueidis.NewLuaScript(limitLua)

// Config is what Limits need.
type Config struct {
	// Namespace is the prefix of all keys. Required.
	Namespace string
	// Live is how many processes serve, at least 1. Each counts its share while Redis is away. Nil: one.
	Live func() int
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: none are registered.
	Registerer prometheus.Registerer
}

// Limits count attempts for all processes together, in Redis, exactly: each Take is one call of one script on one server. While
// Redis does not answer within half a second, each process counts by itself, with budgets divided by the number of processes;
// three failures in a row open a breaker, so that only one request in half a second waits for the server. Safe for concurrent use.
//
// Somebody who can write to Redis can make attempts free, or refuse them, for as long as a budget takes to be whole again. Nobody
// signs in by that.
type Limits struct {
	client  rueidis.Client
	cfg     Config
	rows    map[Policy][]Budget
	breaker circuitbreaker.CircuitBreaker[any]
	slots   chan struct{}
	local   *Local[string]
	origin  time.Time
	byLocal prometheus.Counter
	// notes are those that Run has not written yet; dropped counts those that nobody will write.
	notes   chan note
	dropped prometheus.Counter
	// within is takeWithin, but in tests that must not meet it.
	within time.Duration
}

// New counts on the client's server. Without a client each process counts by itself.
func New(client rueidis.Client, cfg Config) *Limits {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Live == nil {
		cfg.Live = func() int { return 1 }
	}
	l := &Limits{
		client: client, cfg: cfg, rows: map[Policy][]Budget{}, slots: make(chan struct{}, takesInFlight),
		local: NewLocal[string](mostLocal), origin: time.Now(), within: takeWithin, notes: make(chan note, mostNotes),
		byLocal: promauto.With(cfg.Registerer).NewCounter(prometheus.CounterOpts{
			Name: "flashsale_limits_local_total", Help: "Attempts that this process counted by itself, because Redis did not answer.",
		}),
		dropped: promauto.With(cfg.Registerer).NewCounter(prometheus.CounterOpts{
			Name: "flashsale_limit_notes_dropped_total", Help: "Notes that an account has met a limit that were not written: too many waited, or Redis did not answer.",
		}),
	}
	for _, row := range Policies() {
		l.rows[row.Policy] = row.Budgets
	}
	l.breaker = circuitbreaker.NewBuilder[any]().WithFailureThreshold(failures).WithSuccessThreshold(1).WithDelay(retryEvery).
		OnOpen(func(circuitbreaker.StateChangedEvent) {
			cfg.Logger.Warn("redis does not answer; each process counts attempts by itself")
		}).
		OnClose(func(circuitbreaker.StateChangedEvent) { cfg.Logger.Info("redis counts attempts again") }).
		Build()
	return l
}

// Verdict says whether an attempt may be made. Limit, Window and Remaining are of the budget that decides: the one with the
// longest wait, or else the one with the fewest attempts left.
type Verdict struct {
	OK bool
	// Wait is the time until the next attempt, when this one is refused.
	Wait time.Duration
	// Remaining attempts are left at once. Limit is how many there are after a rest, and Window the time of that rest.
	Remaining, Limit int
	Window           time.Duration
	// By says who shares that budget.
	By By
}

// Take takes an attempt from all budgets of a policy, or from none. keys say who asks: AccountKey or NameKey, and NetworkKey. A
// budget of somebody who is not given is left out.
func (l *Limits) Take(ctx context.Context, policy Policy, keys ...string) Verdict {
	who := askerOf(keys)
	asks := l.asks(policy, who)
	if len(asks) == 0 {
		return Verdict{OK: true}
	}
	if l.client != nil {
		if v, err := l.ask(ctx, asks, who); err == nil {
			l.noteRefused(policy, who, v)
			return v
		}
	}
	l.byLocal.Inc()
	return l.takeLocal(asks)
}

// Remember says that the owner of an account has signed in from a network, so that strangers elsewhere cannot spend the owner's
// attempts there. remote is the address of the client. Nothing depends on it being kept.
func (l *Limits) Remember(ctx context.Context, account int64, remote string) {
	if l.client == nil {
		return
	}
	key := l.knownKey(askerOf([]string{AccountKey(account), NetworkKey(remote)}))
	_, _ = guarded(ctx, l, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, l.client.Do(ctx, l.client.B().Set().Key(key).Value("1").Ex(rememberedFor).Build()).Error()
	})
}

// ask is one budget of an attempt.
type ask struct {
	budget Budget
	key    string
}

func (l *Limits) asks(policy Policy, who asker) []ask {
	budgets := l.rows[policy]
	asks := make([]ask, 0, len(budgets))
	for _, b := range budgets {
		if shared, ok := who.shares(b.By); ok {
			asks = append(asks, ask{b, l.key(string(policy)+":"+string(b.By), shared)})
		}
	}
	return asks
}

// key is the name of a key in Redis: NAMESPACE:{limits}:POLICY:BY:DIGEST, for example
// flashsale:{limits}:sign-in:account-network:3q2-7wAAAAAAAAAAAAAAAA; a value is the time at which the budget is whole again, in
// microseconds of the server's clock, and expires then. The mark that an account has signed in from a network is
// NAMESPACE:{limits}:known:DIGEST. Which limits an account has met is the hash NAMESPACE:{limits}:met:DIGEST: a policy and who shares the
// budget, and the time of the last refusal.
//
// The digest is the first 128 bits of SHA-256, so no user's text is in a key. The part in braces is the hash tag: all
// budgets are on one node of a cluster, so that one script takes from several. That node has little to do: most attempts cost
// a hash of a password or a mail.
func (l *Limits) key(of, shared string) string {
	sum := sha256.Sum256([]byte(l.cfg.Namespace + "\x00" + of + "\x00" + shared))
	return l.cfg.Namespace + ":{limits}:" + of + ":" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

func (l *Limits) knownKey(who asker) string {
	shared, _ := who.shares(ByAccountNetwork)
	return l.key("known", shared)
}

// ask asks Redis.
func (l *Limits) ask(ctx context.Context, asks []ask, who asker) (Verdict, error) {
	keys, args := make([]string, 0, len(asks)+1), make([]string, 0, 3*len(asks))
	for _, a := range asks {
		strangers := "0"
		if a.budget.By == ByStrangers {
			strangers = "1"
		}
		keys = append(keys, a.key)
		args = append(args, strconv.FormatInt(a.budget.interval().Microseconds(), 10), strconv.Itoa(a.budget.Burst), strangers)
	}
	if who.account != "" && who.network != "" {
		keys = append(keys, l.knownKey(who))
	}
	reply, err := guarded(ctx, l, func(ctx context.Context) ([]int64, error) {
		return limitScript.Exec(ctx, l.client, keys, args).AsIntSlice()
	})
	if err != nil {
		return Verdict{}, err
	}
	return verdictOf(reply, asks)
}

// verdictOf reads the reply of the script.
func verdictOf(reply []int64, asks []ask) (Verdict, error) {
	if len(reply) != 4 || reply[1] < 0 || int(reply[1]) > len(asks) {
		return Verdict{}, fmt.Errorf("limits: the script answered %v", reply)
	}
	v := Verdict{OK: reply[0] == 1, Remaining: int(reply[2]), Wait: time.Duration(reply[3]) * time.Microsecond}
	if at := reply[1]; at > 0 {
		v.Limit, v.Window, v.By = asks[at-1].budget.Burst, asks[at-1].budget.refill(), asks[at-1].budget.By
	}
	return v, nil
}

// guarded makes a call through the breaker. It does not wait for a call that is late, because a client that is dialling may
// ignore the context; the call keeps its slot until it has really ended.
func guarded[R any](ctx context.Context, l *Limits, call func(context.Context) (R, error)) (R, error) {
	var none R
	if !l.breaker.TryAcquirePermit() {
		return none, circuitbreaker.ErrOpen
	}
	select {
	case l.slots <- struct{}{}:
	default:
		l.breaker.RecordFailure()
		return none, fmt.Errorf("limits: %d calls wait for redis", takesInFlight)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.within)
	type answer struct {
		reply R
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { cancel(); <-l.slots }()
		reply, err := call(ctx)
		done <- answer{reply, err}
	}()
	var a answer
	select {
	case a = <-done:
	case <-ctx.Done():
		select {
		case a = <-done: // the call has ended, and its context with it
		default:
			a.err = ctx.Err()
		}
	}
	if a.err != nil && !isWrongType(a.err) {
		l.breaker.RecordFailure()
		return none, a.err
	}
	l.breaker.RecordSuccess()
	return a.reply, a.err
}

// isWrongType is true when somebody has overwritten a key. The server is well.
func isWrongType(err error) bool {
	reply, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(reply.Error(), "WRONGTYPE")
}

// takeLocal counts here. The budget of the strangers is left out: it is not known here who is one.
func (l *Limits) takeLocal(asks []ask) Verdict {
	now, live := time.Since(l.origin), l.cfg.Live()
	v := Verdict{OK: true, Remaining: -1}
	for i, a := range asks {
		if a.budget.By == ByStrangers {
			continue
		}
		r := a.budget.share(live)
		left, wait, ok := l.local.Take(a.key, r, now)
		if !ok {
			for _, taken := range asks[:i] {
				if taken.budget.By != ByStrangers {
					l.local.GiveBack(taken.key, taken.budget.share(live))
				}
			}
			return Verdict{Wait: wait, Limit: r.Burst, Window: r.refill(), By: a.budget.By}
		}
		if v.Remaining < 0 || left < v.Remaining {
			v.Remaining, v.Limit, v.Window, v.By = left, r.Burst, r.refill(), a.budget.By
		}
	}
	v.Remaining = max(0, v.Remaining)
	return v
}
