package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events/audit"
	"flashsale/inventory"
	"flashsale/sale"
)

// Act is who acts, and what the request says about when it may be carried out. The zero value is an act without conditions.
type Act struct {
	// ActKey has the principal and, when the client gave one, the Idempotency-Key with the digest of the request.
	audit.ActKey
	// Account is the id of the principal's account, zero for a command, which may do what an owner may, and in demo mode.
	Account int64
	// Network is from where the act comes: the address of the client, empty for a command.
	Network string
	// Means is by what: "session", "token NAME", "command" or "demo mode".
	Means string
	// Match is the revisions of the sale that the act may meet.
	Match Match
	// Waits is true when an act that meets its own key under way waits for the answer of that act. Otherwise it is refused with
	// audit.ErrKeyRunning. A form without scripts waits: of two submissions a browser shows the answer to the second.
	Waits bool
}

// signed is what the audit log says, with who acts, from where and by what.
func (a Act) signed(record audit.Entry) audit.Entry {
	record.Actor, record.Network, record.Means = a.Principal, a.Network, a.Means
	return record
}

// Match is an If-Match field. The zero value, without the field, matches every revision.
type Match struct {
	// Sent is the field as the client wrote it.
	Sent string
	// Any is true for "*", Tags are the strong ones of a list.
	Any  bool
	Tags []string
}

// Allows is nil when the sale may stand at that revision, and a *sale.RevisionError when not.
func (m Match) Allows(present int64) error {
	if m.Sent == "" || m.Any {
		return nil
	}
	for _, tag := range m.Tags {
		if tag == strconv.FormatInt(present, 10) {
			return nil
		}
	}
	return &sale.RevisionError{Seen: m.Sent, Present: present}
}

const (
	// actTime bounds an act on a sale.
	actTime = 10 * time.Second
	// bulkTime bounds one that makes ten thousand shoppers exist first.
	bulkTime = time.Minute
	// refreshTime bounds what this process does to show a committed act before it answers.
	refreshTime = 3 * time.Second
	// keyWait is the pause before an act looks again whether another one under its key has ended.
	keyWait = 50 * time.Millisecond
)

// work is the part of an act that differs from one to another. It runs in the act's transaction and gives the answer and
// what the audit log says of it; without an action nothing was done, and nothing is recorded.
type work[A any] func(ctx context.Context, tx pgx.Tx) (answer A, record audit.Entry, err error)

// perform carries an act out once: its changes, its audit record and its answer are written in one transaction. A repeat under
// the same key returns that answer and changes nothing: then first is false. When another operator has changed the sale
// meanwhile, this process shows the change before the act is refused.
func perform[A any](ctx context.Context, o *Acts, a Act, do work[A]) (answer A, first bool, err error) {
	for {
		answer, first, err = try(ctx, o, a, do)
		if !a.Waits || !errors.Is(err, audit.ErrKeyRunning) || !pause(ctx, keyWait) {
			break
		}
	}
	if stale := (*sale.RevisionError)(nil); errors.As(err, &stale) {
		o.look(ctx)
	}
	return answer, first, err
}

// pause waits. It is false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// look makes this process show what others have committed.
func (o *Acts) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	o.warn("what another operator changed is shown after the next refresh", o.catalog.Refresh(ctx))
}

// try is perform for an act that is refused while its key is under way.
func try[A any](ctx context.Context, o *Acts, a Act, do work[A]) (answer A, first bool, err error) {
	err = o.audit.Act(ctx, func(tx pgx.Tx) error {
		kept, found, err := o.audit.AnswerTx(ctx, tx, a.ActKey)
		if err != nil {
			return err
		}
		if found {
			return decodeAnswer(kept, &answer)
		}
		var record audit.Entry
		if answer, record, err = do(ctx, tx); err != nil {
			return err
		}
		first = true
		// gofail: var changeWritten struct{}
		return o.writeRecord(ctx, tx, a, record, answer)
	})
	if err == nil {
		// gofail: var changeCommitted struct{}
		return answer, first, nil
	}
	var none A
	return none, false, busy(err)
}

// writeRecord writes the audit record of an act and, when it has a key, its answer.
func (o *Acts) writeRecord(ctx context.Context, tx pgx.Tx, a Act, record audit.Entry, answer any) error {
	if record.Action != "" {
		if err := o.audit.RecordTx(ctx, tx, a.signed(record)); err != nil {
			return err
		}
	}
	if a.Key == "" {
		return nil
	}
	kept, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the act's answer: %w", err)
	}
	return o.audit.KeepTx(ctx, tx, a.ActKey, kept)
}

func decodeAnswer(kept []byte, into any) error {
	if err := json.Unmarshal(kept, into); err != nil {
		return fmt.Errorf("decode the act's answer: %w", err)
	}
	return nil
}

// busy turns an error of Postgres into sale.ErrBusy when another transaction was the cause: a lock that did not come in time, a
// deadlock, or a conflict with a transaction that committed first. Nothing was done.
func busy(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && !errors.Is(err, sale.ErrBusy) {
		switch refused.Code {
		case "55P03", "40P01", "40001":
			return fmt.Errorf("%w: %w", sale.ErrBusy, err)
		}
	}
	return err
}

// refresh makes this process show an act that is committed. A failure here does not take the act back: this process shows it
// after its next regular refresh, as the other processes do.
func (o *Acts) refresh(ctx context.Context, ch *sale.Change) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTime)
	defer cancel()
	o.warn("the change is committed; it is shown after the next refresh", o.catalog.Refresh(ctx))
	o.warn("the holders follow with the next reconciling", o.reconciler.Now(ctx, inventory.Key(ch.After.Key())))
	if ch.Before.Generation == ch.After.Generation {
		return
	}
	// gofail: var retireDue struct{}
	o.warn("the old generation's places expire later", o.places.Retire(ctx, inventory.Key(ch.Before.Key())))
	// gofail: var placesRetired struct{}
}

// History lists the newest acts on a sale and on its orders, the newest first.
func (o *Acts) History(ctx context.Context, slug string, most int) ([]audit.Recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	page, err := o.audit.List(ctx, audit.Filter{Sale: slug}, audit.PageRequest{Limit: most})
	return page.Entries, err
}
