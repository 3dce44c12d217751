package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"
)

// Place is what a shopper who asks for a place gets.
type Place byte

const (
	// Reserved: the shopper has a place now and did not before.
	Reserved Place = iota
	// AlreadyHolder: the shopper has a place from an earlier press, with an order or a claim under way.
	AlreadyHolder
	// Full: there is no room. Places may come back while claims are undecided.
	Full
)

// placeOf reads a place as the script writes it.
func placeOf(letter byte) (p Place, ok bool) {
	switch letter {
	case 'R':
		return Reserved, true
	case 'H':
		return AlreadyHolder, true
	case 'F':
		return Full, true
	}
	return 0, false
}

// String names the place for errors.
func (p Place) String() string {
	switch p {
	case Reserved:
		return "reserved"
	case AlreadyHolder:
		return "holder"
	case Full:
		return "full"
	}
	return "unknown"
}

// Holders is an answer about one sale's set of holders.
type Holders struct {
	// Count is the number of shoppers who have a place. Limit is how many may have one. Version is that of the stock
	// when the limit was last changed here.
	Count, Limit, Version int64
}

const (
	// retiredFor is how long the places of an ended generation stay readable, in seconds.
	retiredFor = 3600
	// reserveBatch and bulkBatch bound the arguments of one script and so the time for which it stops the server.
	reserveBatch = 500
	bulkBatch    = 5000
	addBatch     = 500
)

// PlacesConfig says where the places are kept, and who gets log lines and metrics about them.
type PlacesConfig struct {
	// Namespace is the prefix of all keys; required.
	Namespace string
	// Logger gets what an operator should see; slog's default when nil.
	Logger *slog.Logger
	// Registerer takes the metrics; nil registers none.
	Registerer prometheus.Registerer
}

// Places is the set of holders of each sale and generation, kept in Redis. Its answers decide who may ask for a
// unit; they are never the reason to call something bought. Safe for concurrent use.
type Places struct {
	client  rueidis.Client
	config  PlacesConfig
	metrics *metrics
	sales   sync.Map // Key -> *saleKeys
	down    atomic.Int64
	pings   chan struct{}
}

// saleKeys is what a process keeps for one sale and generation: the names of its keys and its guard.
//
// The keys are NAMESPACE:{SALE:GENERATION}:holders, :limit, :loading:RANDOM (while a set is prepared) and :probe.
// The holders are the fields of a hash and not the members of a set, because every server knows the size of a hash
// without counting; miniredis sorts a whole set to tell its size.
// The part in braces is the hash tag that keeps them on one node of a cluster; no user's text is ever part of it.
type saleKeys struct {
	key    Key
	prefix string
	both   []string // holders, limit
	guard  *guard
}

// NewPlaces keeps the holders on the client's server. The client has to give up a silent connection soon
// (ConnWriteTimeout of about a second), because only then it dials again.
func NewPlaces(client rueidis.Client, config PlacesConfig) *Places {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	p := &Places{client: client, config: config, pings: make(chan struct{}, 1)}
	p.metrics = newMetrics(config.Registerer)
	return p
}

// Reserve asks for a place for each user, in their order, in one script call for up to 500 of them. A user who appears
// twice gets Reserved once and then AlreadyHolder. ErrMissing when the set is not loaded. ErrUnavailable at once when
// Redis is known to be away, within 200 ms when it does not answer. ErrWrongType when a key was overwritten. After an
// error some users may have a place all the same; when they press again, their claim is the same.
func (p *Places) Reserve(ctx context.Context, key Key, users []int64) ([]Place, error) {
	if err := checkUsers(users); err != nil {
		return nil, err
	}
	p.metrics.batch.Observe(float64(len(users)))
	places := make([]Place, 0, len(users))
	for chunk := range chunks(users, reserveBatch) {
		// gofail: var placesDue struct{}
		reply, err := p.script(ctx, p.keysOf(key), reserveWithin, reserveScript, decimal(chunk))
		if err != nil {
			return nil, fmt.Errorf("reserve: %w", err)
		}
		if places, err = appendPlaces(places, reply, len(chunk)); err != nil {
			return nil, fmt.Errorf("reserve: %w", err)
		}
	}
	// gofail: var placesReserved struct{}
	return places, nil
}

// script runs a script whose reply is a string, with the holders and the limit as its keys.
func (p *Places) script(
	ctx context.Context, s *saleKeys, limit time.Duration, script *rueidis.Lua, args []string,
) (string, error) {
	return guarded(ctx, s.guard, limit, func(ctx context.Context) (string, error) {
		return script.Exec(ctx, p.client, s.both, args).ToString()
	})
}

func appendPlaces(places []Place, reply string, want int) ([]Place, error) {
	if reply == "M" {
		return nil, ErrMissing
	}
	if len(reply) != want {
		return nil, fmt.Errorf("%w: %d places in the answer to %d users", ErrUnavailable, len(reply), want)
	}
	for i := range len(reply) {
		place, ok := placeOf(reply[i])
		if !ok {
			return nil, fmt.Errorf("%w: place %q in the answer", ErrUnavailable, reply[i])
		}
		places = append(places, place)
	}
	return places, nil
}

// Release takes the users' places back: their claims were declined or their orders cancelled. Users without a
// place, and sets that are not loaded, are fine.
func (p *Places) Release(ctx context.Context, key Key, users []int64) error {
	if err := checkUsers(users); err != nil {
		return err
	}
	s := p.keysOf(key)
	for chunk := range chunks(users, bulkBatch) {
		// gofail: var releaseDue struct{}
		_, err := guarded(ctx, s.guard, otherWithin, func(ctx context.Context) (int64, error) {
			cmd := p.client.B().Hdel().Key(s.holders()).Field(decimal(chunk)...).Build()
			return p.client.Do(ctx, cmd).AsInt64()
		})
		if err != nil {
			return fmt.Errorf("release places: %w", err)
		}
		// gofail: var placesReleased struct{}
	}
	return nil
}

// SetLimit changes how many may have a place, and says whether it did: a stored limit of a newer version stays.
// ErrMissing when the set is not loaded.
func (p *Places) SetLimit(ctx context.Context, key Key, limit, version int64) (bool, error) {
	set, err := p.setLimit(ctx, key, limit, version, false)
	if err != nil {
		return false, fmt.Errorf("set the limit: %w", err)
	}
	return set, nil
}

// setLimit with create makes a limit that is not there.
func (p *Places) setLimit(ctx context.Context, key Key, limit, version int64, create bool) (bool, error) {
	s := p.keysOf(key)
	args := decimal([]int64{limit, version})
	if create {
		args = append(args, "create")
	}
	// gofail: var limitDue struct{}
	set, err := guarded(ctx, s.guard, otherWithin, func(ctx context.Context) (int64, error) {
		return limitScript.Exec(ctx, p.client, s.both[1:], args).AsInt64()
	})
	// gofail: var limitSet struct{}
	if err == nil && set < 0 {
		err = ErrMissing
	}
	return set == 1, err
}

// Retire lets the keys of an ended generation expire in an hour and forgets what the process keeps for it.
func (p *Places) Retire(ctx context.Context, key Key) error {
	s := p.keysOf(key)
	_, err := guarded(ctx, s.guard, otherWithin, func(ctx context.Context) (struct{}, error) {
		var errs []error
		for _, name := range s.both {
			cmd := p.client.B().Expire().Key(name).Seconds(retiredFor).Build()
			errs = append(errs, p.client.Do(ctx, cmd).Error())
		}
		return struct{}{}, errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("retire places: %w", err)
	}
	p.sales.Delete(key)
	s.guard.leave()
	return nil
}

// Count asks for the size of the set: how many have a place and how many may. ErrMissing when it, or the limit, is not there.
func (p *Places) Count(ctx context.Context, key Key) (Holders, error) {
	h, err := p.readHolders(ctx, key)
	if err == nil && (h.Count < 0 || h.Limit < 0 || h.Version < 0) {
		err = ErrMissing
	}
	if err != nil {
		return Holders{}, fmt.Errorf("count holders: %w", err)
	}
	return h, nil
}

// readHolders is Count with -1 for what is not there.
func (p *Places) readHolders(ctx context.Context, key Key) (Holders, error) {
	s := p.keysOf(key)
	return guarded(ctx, s.guard, otherWithin, func(ctx context.Context) (Holders, error) {
		n, err := countScript.Exec(ctx, p.client, s.both, nil).AsIntSlice()
		if err != nil {
			return Holders{}, err
		}
		if len(n) != 3 {
			return Holders{}, fmt.Errorf("%d figures instead of 3", len(n))
		}
		return Holders{Count: n[0], Limit: n[1], Version: n[2]}, nil
	})
}

// Ping asks the server for an answer, whatever state the breaker is in; an error after a second at most.
func (p *Places) Ping(ctx context.Context) error {
	_, err := within(ctx, p.pings, time.Second, func(ctx context.Context) (string, error) {
		return p.client.Do(ctx, p.client.B().Ping().Build()).ToString()
	})
	if err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	return nil
}

func (p *Places) keysOf(key Key) *saleKeys {
	if s, ok := p.sales.Load(key); ok {
		return s.(*saleKeys)
	}
	s, _ := p.sales.LoadOrStore(key, p.newSaleKeys(key))
	return s.(*saleKeys)
}

func (p *Places) newSaleKeys(key Key) *saleKeys {
	prefix := fmt.Sprintf("%s:{%d:%d}:", p.config.Namespace, key.Sale, key.Generation)
	s := &saleKeys{key: key, prefix: prefix, both: []string{prefix + "holders", prefix + "limit"}}
	// The probe asks for both keys at once, as the scripts do: a cluster refuses that while it has moved only one of them. It writes,
	// because a server may answer reads and still refuse to change anything.
	probe := func(ctx context.Context) error {
		if err := p.client.Do(ctx, p.client.B().Exists().Key(s.both...).Build()).Error(); err != nil {
			return err
		}
		return p.client.Do(ctx, p.client.B().Set().Key(prefix+"probe").Value("1").ExSeconds(60).Build()).Error()
	}
	s.guard = newGuard(probe, func(down bool) { p.changed(key, down) })
	return s
}

// revive probes the servers that are away, so that they are found again when no shopper presses.
func (p *Places) revive() {
	p.sales.Range(func(_, s any) bool {
		if g := s.(*saleKeys).guard; !g.breaker.IsClosed() {
			g.tryProbe()
		}
		return true
	})
}

// outages counts how often the key's server went away; after each time the set may be wrong.
func (p *Places) outages(key Key) int64 { return p.keysOf(key).guard.outages.Load() }

func (s *saleKeys) holders() string { return s.both[0] }

func (p *Places) changed(key Key, down bool) {
	log := p.config.Logger.With("sale", key.Sale, "generation", key.Generation)
	if down {
		p.down.Add(1)
		log.Warn("redis does not answer; the ledger alone decides who gets a unit")
	} else {
		p.down.Add(-1)
		log.Info("redis answers again")
	}
	p.metrics.degraded.Set(float64(min(1, p.down.Load())))
}

func checkUsers(users []int64) error {
	for _, user := range users {
		if user <= 0 {
			return fmt.Errorf("user %d: ids begin at 1", user)
		}
	}
	return nil
}
