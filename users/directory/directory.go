// Package directory keeps the names of accounts in memory, for the purchase path: whose name it is gets answered
// without asking Postgres. It follows the roster of package users by version, so what other processes change is seen
// within about a second.
//
// An account takes about 85 bytes with both of its names, none of them a pointer, so ten million of them cost the
// garbage collector nothing: arena has the records as bytes, names and ids are tables of references into it, and cache
// keeps the three together and bounded.
package directory

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"flashsale/users"
)

const (
	// followEvery is how long a change made elsewhere may stay unseen.
	followEvery = time.Second
	// readChunk is how many accounts one statement reads.
	readChunk = 10_000
	// finding is how many Finds may be in Postgres at once.
	finding = 4
	// findTimeout bounds one look-up in Postgres: a shopper is waiting for it.
	findTimeout = 2 * time.Second
)

// Config tunes a Directory. The zero value is the production setting.
type Config struct {
	// Limit is how many accounts are kept in memory, at about 85 bytes each; 0 means ten million, so at most 0.9 GB.
	Limit int
	// Logger gets a line when following fails and when it works again; nil discards that.
	Logger *slog.Logger
}

// Directory answers whose account a name is, from memory. It keeps up to ten million accounts under both of their names
// and follows the roster, so that what other processes change is seen within about a second. It remembers only accounts
// that exist, and never that a name is unknown: such a name is asked for again, in batches, and cannot fill the memory.
// It knows an account's ID, Username, MayPurchase and Archived and leaves the other fields zero. An archived account stays
// in memory if it was warmed: its owner may ask for an order. All methods are safe for concurrent use; names are given in
// normal form.
type Directory struct {
	store *users.Store
	log   *slog.Logger
	cache *cache
	// barred is complete, whatever the limit of cache.
	barred barred
	// following and finding bound what runs at once: one refresh, and a few look-ups.
	following, finding chan struct{}
	// These are guarded by following: whether everybody was read, and the accounts that were warmed before the last clear.
	loaded bool
	warmed []int64
	// filled is closed when the accounts have been read for the first time.
	filled   chan struct{}
	fillOnce sync.Once
}

// New returns an empty directory. Until Run or Refresh has read the accounts, Known knows no name and Find asks
// Postgres.
func New(store *users.Store, cfg Config) *Directory {
	if cfg.Limit <= 0 {
		cfg.Limit = 10_000_000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Directory{
		store: store, log: cfg.Logger, cache: newCache(cfg.Limit),
		following: make(chan struct{}, 1), finding: make(chan struct{}, finding), filled: make(chan struct{}),
	}
}

// Run follows the roster until ctx ends, then returns nil. While Postgres is away, what is in memory stays known.
func (d *Directory) Run(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	failing := false
	for {
		err := d.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			d.log.Warn("names cannot be followed; those in memory stay known", "error", err)
		case err == nil && failing:
			d.log.Info("names are followed again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Await waits until the accounts have been read for the first time, or ctx ends, and says which. Ten million take the
// better part of a minute; until then Find finds the accounts that Known does not know yet.
func (d *Directory) Await(ctx context.Context) bool {
	select {
	case <-d.filled:
		return true
	case <-ctx.Done():
		return false
	}
}

// Known says whose account a name is, from memory alone and without allocating. False means "ask Find".
func (d *Directory) Known(name string) (users.Account, bool) {
	return d.cache.names.find(name)
}

// Find says whose accounts the names are, archived ones too, in their order; an Account with ID 0 means that there is none.
// What is not in memory is asked of Postgres in one statement, with at most a few such statements at once. An error means that some of
// them could not be asked for: nothing is known about any that Known does not know.
func (d *Directory) Find(ctx context.Context, list []string) ([]users.Account, error) {
	found := make([]users.Account, len(list))
	missing := make(map[string][]int)
	for i, name := range list {
		if a, ok := d.Known(name); ok {
			found[i] = a
		} else if normal, err := users.NormalName(name); err == nil && normal == name {
			// Anything else cannot be an account, and Postgres may refuse the whole batch because of it.
			missing[name] = append(missing[name], i)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	records, err := d.ask(ctx, missing)
	if err != nil {
		return nil, err
	}
	for i := range records {
		r := &records[i]
		for _, at := range slices.Concat(missing[r.UsernameKey], missing[r.EmailKey]) {
			found[at] = known(r)
		}
	}
	return found, nil
}

func (d *Directory) ask(ctx context.Context, missing map[string][]int) ([]users.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	select {
	case d.finding <- struct{}{}:
		defer func() { <-d.finding }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to look up names: %w", ctx.Err())
	}
	usernames, emails := []string{}, []string{}
	for name := range missing {
		if strings.Contains(name, "@") {
			emails = append(emails, name)
		} else {
			usernames = append(usernames, name)
		}
	}
	records, version, err := d.store.NamedEver(ctx, usernames, emails)
	if err != nil {
		return nil, err
	}
	d.cache.add(records, version, false)
	return records, nil
}

// Warm reads the accounts of these ids and keeps them when room is needed for others, and when they are archived: owners who
// come back find their receipt without Postgres. Ids without an account, and ids of erased accounts, are ignored.
func (d *Directory) Warm(ctx context.Context, ids []int64) error {
	for chunk := range slices.Chunk(ids, readChunk) {
		if err := d.warm(ctx, chunk); err != nil {
			return fmt.Errorf("warm names: %w", err)
		}
	}
	return nil
}

// warm reads until what was read is not older than what was followed meanwhile.
func (d *Directory) warm(ctx context.Context, ids []int64) error {
	for {
		missing := d.cache.pin(ids)
		if len(missing) == 0 {
			return nil
		}
		records, version, err := d.store.WithIDEver(ctx, missing)
		if err != nil {
			return err
		}
		if len(records) == 0 || d.cache.add(records, version, true) {
			return nil
		}
	}
}

// Refresh reads what has changed since the last time, at once. After it, accounts that were committed before the call
// are known, and of accounts that were archived before it that they are.
func (d *Directory) Refresh(ctx context.Context) error {
	select {
	case d.following <- struct{}{}:
		defer func() { <-d.following }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now, err := d.store.Roster(ctx)
	if err != nil {
		return err
	}
	at := d.cache.position()
	if !d.loaded || now.Version < at.Changed {
		// A lower version means another database, or an older backup of this one: there the ids may belong to other
		// accounts.
		return d.load(ctx, now.Version)
	}
	if at == upTo(now.Version) {
		return nil
	}
	return d.follow(ctx, now.Version)
}

// load reads the accounts that may not buy, all of them, and then the live accounts, oldest first, as far as there is room.
func (d *Directory) load(ctx context.Context, version int64) error {
	d.loaded = false
	d.warmed = append(d.warmed, d.cache.clear(version)...)
	if err := d.loadBarred(ctx, version); err != nil {
		return err
	}
	for last := int64(0); d.cache.room() > 0; {
		list, seen, err := d.store.LiveAfter(ctx, last, readChunk)
		if err != nil {
			return fmt.Errorf("load names: %w", err)
		}
		if len(list) == 0 {
			break
		}
		d.cache.add(list[:min(len(list), d.cache.room())], seen, false)
		last = list[len(list)-1].ID
		if err := d.followBarred(ctx, time.Now()); err != nil {
			return err
		}
	}
	if err := d.Warm(ctx, d.warmed); err != nil {
		return err
	}
	d.cache.advance(upTo(version))
	d.loaded, d.warmed = true, nil
	d.fillOnce.Do(func() { close(d.filled) })
	return nil
}

// follow reads changes up to a version at least. They are committed in the order of their versions, all of one
// version at once, so a position in that order is all there is to remember.
func (d *Directory) follow(ctx context.Context, version int64) error {
	for {
		list, _, err := d.store.Changes(ctx, d.cache.position(), readChunk)
		if err != nil {
			return fmt.Errorf("follow names: %w", err)
		}
		d.cache.follow(list)
		d.barred.apply(list)
		if len(list) < readChunk {
			break
		}
	}
	if at := d.cache.position(); at.Changed <= version {
		d.cache.advance(upTo(version))
	}
	d.barred.at = d.cache.position()
	return nil
}

// known is what a Directory returns of an account.
func known(r *users.Record) users.Account {
	return users.Account{ID: r.ID, Username: r.Username, MayPurchase: r.MayPurchase, Archived: r.Archived}
}
