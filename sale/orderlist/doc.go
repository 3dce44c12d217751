// Package orderlist reads the orders of a sale for operators: pages of a list, searches, the history of one order, and all orders
// of a generation at one moment. It writes nothing, and a purchase never waits for it.
//
// It is a room beside the ledger, and not a part of it, because what it answers is no promise to a shopper: it may read what the
// synchronous standby has not confirmed, it may be a moment old, and its statements follow the questions of people instead of the
// protocol. It reads the tables orders and declines, which package ledger alone writes.
//
// A list is in the order of the units, because that is the order for which there is an index: the one that keeps a unit from being sold
// twice. Another index, by time, would cost every purchase a tenth. Units are given out one after the other, so the list is nearly in
// the order of time too, and the units of a time are found by halving. Every page costs the same, wherever it is: it begins after a
// place (sale.OrderPlace), and nothing is counted or passed over. How many orders there are is what the stock's row says.
//
// A list from a time on costs more than the others: two searches that halve, a millisecond each, and a look at each order of the sale
// that was cancelled and whose unit was first sold before that time, because the unit may have been sold again in it. That is about
// 2.5 microseconds for each: 15 milliseconds where 6,000 were.
package orderlist
