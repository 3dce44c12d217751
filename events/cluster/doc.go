// Package cluster is what the processes of one deployment know of each other: messages between them over Redis, a heartbeat in
// Postgres that says how many there are, and, where certificates come by ACME, what they share of those and who orders one.
//
// Nothing of a purchase depends on it being right. When a message is lost, each process finds out by its own look-ups. The
// heartbeat's count bounds only how much a process admits while Redis is away. The newest heartbeat that a replica of Postgres
// shows also says how new that replica is (Look). A lock of certificates that two hold costs an order too many at the authority.
package cluster
