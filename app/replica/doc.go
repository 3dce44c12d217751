// Package replica decides for each read of a list or a history whether a streaming replica of Postgres may answer it, and says why not.
//
// A replica answers late, so nothing that is a promise is read from it: no verdict, receipt, session, role, export or verify. What may
// be read is a list of people's doing, of which an operator wants to know how old it is, and which must not make the ledger slower.
//
// How old a replica is, is told by the heartbeats that each process writes on the primary once a second: a server replays commits in
// their order, so one that shows a heartbeat has everything that was committed before. The age is the time since that heartbeat by the
// primary's clock, so it is never less than what the replica lacks, and about a second while it lacks nothing. The time of the last
// replayed transaction would say less: it is old whenever nobody writes.
//
// Whoever has just acted reads the primary for a while: the primary's audit log is asked, which every process of the deployment
// writes, so that the next page may be served by another one. The while is longer than a replica may be behind.
//
// The package holds no connections, and knows no list: a caller gives it what reads. README.md has the rules for operators.
package replica
