// Package outbox holds events between the transaction that caused them and the events topic.
//
// An event must be published if and only if its transaction commits, and Kafka takes no part in that transaction. So the
// transaction writes its events as rows, and a relay publishes the rows later: in order within a sale, at least once.
//
// # One row for each transaction and sale
//
// All events of one transaction about one sale are one row, a bundle. One row for each event, marked by itself when it
// is published, costs Postgres as much as the orders themselves.
//
// # The relay
//
// Of all processes one relays at a time; a lease in Postgres says which. It publishes rows in their order and marks each one. Row
// numbers are drawn before a transaction commits, so a row with a lower number can appear late. The relay's position
// moves past a row only when every transaction as old as the row is over.
//
// An event that can never be published is put into quarantine, and the sale's events go on without it. See unpublishable.go.
package outbox
