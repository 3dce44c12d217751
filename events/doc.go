// Package events is what the packages of this domain share, and what it promises to others: claims, verdicts, refusal
// reasons, and the published events with their payloads. The packages are
//
//   - claimlog: the log in Kafka that takes the claims, and the topic that takes the published events
//   - consumer: brings the claims of the log, and those that come without it, to their verdict
//   - outbox: holds events from the transaction that caused them until they are published
//   - audit: what operators did, and the keys that make their acts idempotent
//   - cluster: messages between processes, and the heartbeat that counts them
//
// Each of them imports this package, never the other way. Consumer and outbox also import claimlog.
//
// # Why it is built this way
//
// A claim is accepted by Kafka and decided by Postgres. Kafka keeps the order of claims and survives a Postgres that is away;
// Postgres alone says what is bought. Two parts of two systems can never commit together, so the offset up to which claims are
// decided (the cursor) is in Postgres and moves in the transaction that decides them. A claim is therefore decided once, however
// often it is delivered, and the cursor's compare-and-swap refuses a consumer that was thought dead. The consumer group only
// hands out partitions; nothing depends on it being right.
//
// What happened leaves through the outbox: rows are written in the deciding transaction and published later, in order within a
// sale, at least once.
//
// # The published events
//
// Topic <namespace>.events, 8 partitions, kept for 7 days, CloudEvents 1.0 in binary mode. The record key is the sale's
// id as text; events of one sale keep their order; each is delivered at least once, and a repeat has the same ce_id.
//
//	header           meaning
//	ce_specversion   "1.0"
//	ce_id            unique within ce_source: outbox number, index and time of writing, such as "17.3-1793000000000000"
//	ce_source        "/flashsale/<namespace>"
//	ce_type          one of the Type... constants, such as [TypeOrderConfirmed]
//	ce_subject       what the event is about: an order's id, a claim's id, a sale's slug
//	ce_time          when the event was written, RFC 3339, UTC
//	ce_v             version of the payload, "1"
//	content-type     "application/json"
//	traceparent      W3C trace context of the request that caused it, or of a span within its trace; also as ce_traceparent; absent
//	                 when unknown
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
