// Package audit keeps what operators did: the audit log, and the keys that make an operator's act idempotent.
//
// An act is one transaction. It changes what it is about, writes its entry of the audit log and, when the client gave a key, the
// answer under that key: all of them or none. A repeat with the same key gets the kept answer and does nothing. When the
// connection is lost during the commit, the server is asked what became of the transaction, so that an operator is told "done",
// "not done" or, at worst, that nobody knows.
package audit
