// Package events owns the claims log, the ledger's place in it, and everything that is told to others.
//
// # Why it is built this way
//
// A claim is accepted by Kafka and decided by Postgres. Kafka keeps the order of claims and survives a Postgres that
// is away; Postgres alone says what is bought. Two parts of two systems can never commit together, so the place
// that has been read (the cursor) lives in Postgres and moves in the very transaction that decides the claims: a
// claim is decided exactly once however often it is delivered, and a consumer that was thought dead is refused by
// the cursor's compare-and-swap. The consumer group only hands out partitions; nothing depends on it being right.
//
// What happened leaves through the outbox: rows written in the deciding transaction, published later, in order
// within a sale, at least once.
//
// # The claims log
//
// Topic <namespace>.claims, 8 partitions, kept for 7 days, ours alone. The record key is the claim's id as text, the
// value is [Claim] as JSON, the header "v" is its version. A program of version N reads N-1 and N+1 and ignores
// fields it does not know.
//
// The cursor belongs to one log. Its key is the log's identity (cluster id and topic, or [Config.LogID]) and the
// partition; beside the offset it keeps a fingerprint of the last record read. A topic that was deleted and made
// again is noticed even when it has already grown past the old offset: the fingerprint differs. Then, or when the
// cursor lies outside the log, an alarm is raised, the cursor's epoch grows and reading starts at the log's
// beginning. That is harmless, because a claim id has one verdict for ever.
//
// # The published events
//
// Topic <namespace>.events, 8 partitions, kept for 7 days, CloudEvents 1.0 in binary mode. The record key is the sale's
// id as text; events of one sale keep their order; each is delivered at least once, and a repeat has the same ce_id.
//
//	header           meaning
//	ce_specversion   "1.0"
//	ce_id            unique within ce_source: outbox number, place and time of writing, such as "17.3-1793000000000000"
//	ce_source        "/flashsale/<namespace>"
//	ce_type          one of the Type... constants, such as [TypeOrderConfirmed]
//	ce_subject       what the event is about: an order's id, a claim's id, a sale's slug
//	ce_time          when the event was written, RFC 3339, UTC
//	ce_v             version of the payload, "1"
//	content-type     "application/json"
//	traceparent      W3C trace context of the request that caused it; also as ce_traceparent; absent when unknown
//
// The value is JSON. Each Type... constant names the struct that is its payload and documents every field; a test reads what is
// really published and compares it with these structs. Ids of claims and orders are UUIDs, all other ids are numbers.
//
// An event that can never be published (a bundle of the outbox that cannot be decoded, a record that the log refuses) is missing
// from the topic; it is in the table quarantine, with the topic as its log, the sale's id as its key and no offset. The events of
// its sale after it are published.
//
// New fields may appear at any time; a reader ignores what it does not know.
package events
