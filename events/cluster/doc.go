// Package cluster is what the processes of one deployment know of each other: messages between them over Redis, and a heartbeat
// in Postgres that says how many there are.
//
// Nothing depends on it being right. A message that is lost is made up for by what each process looks up by itself, and the
// heartbeat's count bounds only how much a process admits while Redis is away.
package cluster
