package operator

import (
	"context"
	"time"

	"flashsale/events/audit"
	"flashsale/inventory"
	"flashsale/sale"
	"flashsale/sale/orderlist"
	"flashsale/users"
)

// Shown reads what lists and histories show, from one server.
type Shown struct {
	Orders *orderlist.Store
	Stock  *inventory.Store
	Users  *users.Store
	Audit  *audit.Log
	// OrdersOf are the newest orders of a shopper, of all sales.
	OrdersOf func(ctx context.Context, account int64, limit int) ([]sale.Order, error)
}

// Copy is a replica that may answer instead of the primary.
type Copy struct {
	Shown
	// Read lets read run on the replica, if the replica may answer somebody. It is replica.Replica's.
	Read func(ctx context.Context, who string, read func(context.Context) (found bool, err error)) (age time.Duration, ok bool)
}

// Reader is somebody who reads, and learns how old it is what was read. It belongs to one request.
type Reader struct {
	name string
	age  time.Duration
}

// Name is the reader's in the audit log.
func (r *Reader) Name() string { return r.name }

// Age is how old what was read is at most; 0 when all of it is the primary's.
func (r *Reader) Age() time.Duration { return r.age }

// Saw tells the reader of something that old.
func (r *Reader) Saw(age time.Duration) { r.age = max(r.age, age) }

// ReaderIn is the reader of a context, or nil.
func ReaderIn(ctx context.Context) *Reader {
	r, _ := ctx.Value(readerKey{}).(*Reader)
	return r
}

// readerKey is where a context keeps the reader.
type readerKey struct{}

// ReadBy is a context in which lists and histories may be read from a replica, by somebody who has that name in the audit log. Without
// it a Desk reads the primary, as before an act.
func ReadBy(ctx context.Context, name string) (context.Context, *Reader) {
	r := &Reader{name: name}
	return context.WithValue(ctx, readerKey{}, r), r
}

// shown reads from the replica, or else from the primary. What the replica does not have is asked of the primary: nothing is said not
// to exist by a server that may not know of it yet.
func shown[T any](ctx context.Context, d *Desk, there func(T) bool, read func(context.Context, Shown) (T, error)) (found T, err error) {
	by := ReaderIn(ctx)
	if d.cfg.Copy == nil || by == nil || by.name == "" {
		return read(ctx, d.primary)
	}
	age, ok := d.cfg.Copy.Read(ctx, by.name, func(ctx context.Context) (bool, error) {
		found, err = read(ctx, d.cfg.Copy.Shown)
		if absent(err) {
			return false, nil
		}
		return err == nil && there(found), err
	})
	if ok {
		by.Saw(age)
		return found, nil
	}
	return read(ctx, d.primary)
}
