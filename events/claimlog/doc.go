// Package claimlog is the log that takes the claims, and the topic on which events are published: both topics of a
// namespace, written and read record by record. It decides nothing; package consumer does.
//
// # The claims log
//
// Topic <namespace>.claims, 8 partitions, kept for 7 days, used by this program only. The record key is the claim's id
// as text, the value is [events.Claim] as JSON, the header "v" is its version. A program of version N reads N-1 and N+1
// and ignores fields it does not know. What cannot be understood is a record too: the consumer passes it over.
//
// A log has an identity: the cluster's id and the topic, or [Config.LogID]. A cursor belongs to one identity. A record has a
// fingerprint, by which a topic that was deleted and made again is noticed.
//
// # Writing
//
// One call writes one batch to one partition with acks=all, so a batch is in the log as a whole or not at all, and each record's
// offset is known. [ErrUnacknowledged] does not mean that the batch is not in the log.
//
// # Reading
//
// [Log.Fetch] asks the broker. A [Reader] goes on from an offset, and takes over what this process has written and the log has
// acknowledged: such a batch begins where the reader's records end, or it is fetched. The log's order and offsets are the only ones.
package claimlog
