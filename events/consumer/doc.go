// Package consumer brings claims to their verdict: those of the claims log, in order and once each, and those that come
// directly because the log does not answer. The decider (package sale) says what the verdict is; this package says when
// it is committed.
//
// # One transaction
//
// A batch of claims is decided in one transaction of two round trips. The first one begins it, moves the cursor by
// compare-and-swap (the fence) and reads what the decider asked for; the second one writes the verdicts and commits. After the
// commit the decider is told. See [events.Transaction], follower.go (claims of the log) and direct.go (the direct path).
//
// # The cursor
//
// The cursor is in Postgres. It belongs to one log: its key is the log's identity and the partition; beside the offset it keeps a
// fingerprint of the last record that was read. When the cursor lies outside the log, or the record before it is another one than
// was read, an alarm is raised, the cursor's epoch grows and reading starts at the log's beginning. So it does in a log that is
// another one than before. That is harmless, because a claim id has one verdict for ever.
//
// The consumer group only assigns partitions. Two processes that follow the same partition do no harm: the fence refuses the
// slower one.
//
// # What fails
//
// A commit without an answer is unknown: the next try meets the cursor where that commit left it, and so finds out. Bad data and
// violated constraints are permanent: the batch is halved until the one bad record is found, which goes into quarantine. Every
// other failure is tried again. Too many claims in quarantine within a minute stop the partition with an alarm.
//
// # What is foreign
//
// The log may have records that are none of the ledger's (foreign.go): what is no claim, what the decider finds to be forged, and
// what was written for another ledger. They are passed over with their batch, counted, and sampled into quarantine, and stop nothing.
// A ledger that has never read a log begins at its end (begin.go), because what is before it was written for an earlier one.
package consumer
