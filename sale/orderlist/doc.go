// Package orderlist reads the orders of a sale for operators: pages of a list, searches, the history of one order, and all orders
// of a generation at one moment. It writes nothing, and a purchase never waits for it.
//
// It is a room beside the ledger, and not a part of it, because what it answers is no promise to a shopper: it may read what the
// synchronous standby has not confirmed, it may be a moment old, and its statements follow the questions of people instead of the
// protocol. It reads the tables orders and declines, which package ledger alone writes.
//
// Every page costs the same, wherever in the list it is: a page begins after a place (sale.OrderPlace), which the index orders_listed
// finds, and nothing is counted or passed over. How many orders there are is what the stock's row says.
package orderlist
