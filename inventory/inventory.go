// Package inventory owns how much there is to sell: the stock in Postgres, which has the last word, and the
// places in Redis, which decide only who may ask for it.
//
// The two are kept apart on purpose. Stock is one row for each sale and generation with a CHECK that makes overselling
// impossible; it changes only inside the transaction of a verdict. Places are the set of holders, shoppers who have an
// order or a claim under way. The free room is the limit minus the size of that set, so there is no counter that can
// become wrong. A Redis that loses writes, comes back empty or comes back with yesterday's data costs at most some
// declined claims: the Reconciler makes the set equal to the ledger again.
package inventory

import "errors"

// Key names the stock and the places of one generation of a sale.
type Key struct{ Sale, Generation int64 }

// Level is a row of the stock: how many units there are and how many are taken.
type Level struct {
	Sale, Generation int64
	// Total is the number of units for sale, Taken how many have an owner; 0 <= Taken <= Total.
	Total, Taken int64
	// NextUnit is the number the next unit gets that was never taken before; the first is 1. Numbers are labels
	// and may exceed a total that was lowered. NextUnit-1-Taken units have been taken and returned.
	NextUnit int64
	// Version grows by one with every change of the row.
	Version int64
}

// Key says which stock the level is of.
func (l Level) Key() Key { return Key{Sale: l.Sale, Generation: l.Generation} }

// Left is the number of units nobody owns.
func (l Level) Left() int64 { return l.Total - l.Taken }

var (
	// ErrUnknown is returned when there is no stock for the key.
	ErrUnknown = errors.New("inventory: no stock for this sale and generation")
	// ErrExists is returned by BeginTx when the generation has its stock already.
	ErrExists = errors.New("inventory: this generation has its stock already")
	// ErrShort is returned by TakeTx when fewer units are left than asked for. Nothing was taken.
	ErrShort = errors.New("inventory: fewer units are left")
	// ErrBelowTaken is returned by SetTotalTx for a total below what is sold. Nothing was changed.
	ErrBelowTaken = errors.New("inventory: the total is below what is taken")
	// ErrUnit is returned by ReturnTx for a unit that is not taken: never given out, or returned before.
	ErrUnit = errors.New("inventory: this unit is not taken")

	// ErrMissing is returned when a set of holders is not loaded (or half of it is gone); Reconciler.Now loads it.
	ErrMissing = errors.New("inventory: the holders are not loaded")
	// ErrUnavailable is returned when Redis does not answer in time, refuses to write, or has just done one of these.
	// Whether the call had an effect is unknown; the Reconciler corrects what it left.
	ErrUnavailable = errors.New("inventory: redis is not available")
	// ErrWrongType is returned when one of our keys has a value of another type. Nothing was written.
	ErrWrongType = errors.New("inventory: a redis key holds a value of another type")
	// ErrNotCurrent is returned by Reconciler.Now for a generation that is not its sale's current one.
	ErrNotCurrent = errors.New("inventory: not the current generation of a sale")
)
