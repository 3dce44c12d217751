/*
 * The purchase protocol: purchase requests, the claims log, the ledger in Postgres, the holders in Redis.
 *
 * Every process below may stop between any two of its steps, and every step is one effect that the others can see:
 * a Redis script, an append, a commit, an answer. A transaction is one step, because it locks its stock row before it
 * reads and keeps the lock until its commit; STOCK_ROW_NOT_LOCKED takes that away. Time is not modelled: what waits for
 * a time may happen at once or never. Names are those of the code; README.md maps each to its function.
 */

#ifndef SHOPPERS
#define SHOPPERS 2
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 3	/* of each shopper, in each generation */
#endif
#ifndef GENERATIONS
#define GENERATIONS 1
#endif
#ifndef TOTAL
#define TOTAL 1		/* units in the stock */
#endif
#ifndef LOG_SIZE
#define LOG_SIZE 4	/* records that fit into the log; a full log refuses the next one */
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef CLIENTS
#define CLIENTS 2	/* each has one purchase request at a time; client n is of shopper n % SHOPPERS */
#endif
#ifndef REQUESTS
#define REQUESTS 1	/* purchase requests of the first client; the second has REQUESTS2, the third has one */
#endif
#ifndef REQUESTS2
#define REQUESTS2 1
#endif
#ifndef LATE_APPENDS
#define LATE_APPENDS 0	/* appends that reach the log long after their request has stopped waiting for them */
#endif
#ifndef DUPLICATES
#define DUPLICATES 0	/* records that the log gets a second time */
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef RESETS
#define RESETS 0
#endif
#ifndef FORGETS
#define FORGETS 0	/* times that Redis comes back empty */
#endif
#ifndef ROLLBACKS
#define ROLLBACKS 0	/* times that Redis comes back with an older dump */
#endif
#ifndef FAILOVERS
#define FAILOVERS 0	/* of Postgres: to a standby of ASYNC_STANDBY or SYNC_STANDBY */
#endif
#ifndef WARNINGS
#define WARNINGS 0	/* commits that stopped waiting for the synchronous standby (SQLSTATE 01000) */
#endif

#if defined(ASYNC_STANDBY) || defined(SYNC_STANDBY)
#define STANDBY
#endif

/* A claim is a number: of its generation, its shopper and its attempt. */
#define CLAIMS			(GENERATIONS * SHOPPERS * ATTEMPTS)
#define CLAIM(g, s, a)		(((g) - 1) * SHOPPERS * ATTEMPTS + (s) * ATTEMPTS + (a) - 1)
#define ATTEMPT(c)		((c) % ATTEMPTS + 1)
#define SHOPPER(c)		(((c) / ATTEMPTS) % SHOPPERS)
#define GENERATION(c)		((c) / (SHOPPERS * ATTEMPTS) + 1)
#define FIRST(c)		((c) - (c) % ATTEMPTS)
#define BIT(n)			(1 << (n))

/* The outcome of a claim: no verdict yet, declined for a reason, or ordered with a unit. */
#define NONE			0
#define SOLD_OUT		1
#define ALREADY_OWNS		2
#define GENERATION_CHANGED	3
#define CANCELLED		4	/* ordered, and cancelled since */
#define ORDERED(unit)		(4 + (unit))
#define IS_LIVE(v)		((v) > CANCELLED)
#define UNIT(v)			((v) - CANCELLED)

typedef Verdict {
	byte outcome;
	bool fresh;
	byte nextAttempt;
	byte orderID;	/* claim + 1; 0: none */
	byte requestID	/* of the record that was decided; 0: not stored */
}

typedef Postgres {
	byte generation = 1;
	byte taken;	/* stock of the current generation */
	byte nextUnit = 1;
	byte returned;	/* returned_units, a bit each */
	byte cursor;
	byte verdict[CLAIMS];	/* orders and declines */
	byte requestID[CLAIMS]	/* of orders */
}

Postgres db;
#ifdef STANDBY
Postgres standby;
#endif

byte log[LOG_SIZE];	/* the claims */
byte logRequestID[LOG_SIZE];	/* the request that wrote each record */
byte logEnd;
byte groupOffset;	/* the offset committed to the consumer group */
#if LATE_APPENDS > 0
byte lateLeft = LATE_APPENDS;
byte lateClaim;		/* claim + 1 of an append that nobody waits for and that has not reached the log yet */
byte lateRequestID;
#endif

bool loaded;		/* Redis has the holders of the current generation */
byte holders;		/* shoppers, a bit each */
#if ROLLBACKS > 0
byte dump;
bool dumped;
#endif
#ifdef ATTEMPT_IN_REDIS
byte attempts[SHOPPERS];
byte attemptsDump[SHOPPERS];
#endif

#if defined(ASYNC_STANDBY) && !defined(OPERATOR_BEFORE_REPLAY)
byte highestCursor;	/* that there ever was: what a failover lost is decided again up to here */
#define REPLAYED	(db.cursor >= highestCursor)
#else
#define REPLAYED	true
#endif

byte pending[CLIENTS];	/* claim + 1 that the client's request waits for */
Verdict delivered[CLIENTS];	/* the verdict that was delivered to that request */

/* What shoppers were told about a claim, for ever: REFUSED, or the unit of a receipt. */
#define REFUSED			1
#define RECEIPT(unit)		(1 + (unit))
byte told[CLAIMS];
bool toldBought[CLAIMS];	/* a request was answered with 201 for it */
#define PROMISED(c, unit)	(told[c] == RECEIPT(unit) && db.verdict[c] != CANCELLED)

#if WARNINGS > 0
byte warnings = WARNINGS;
#endif

hidden byte i, j, n, base, unit, liveOrder;

#include "verdict.pml"
#include "consumer.pml"
#include "purchase.pml"
#include "faults.pml"

/* flashsale verify, when nothing is under way any more. */
active proctype verify() {
	atomic { timeout -> d_step {
		invariants();
		promises();	/* I3 */
		assert(CURSOR == logEnd);	/* I5 */
		for (i : 1 .. logEnd) { assert(db.verdict[log[i - 1]] != NONE) }
#ifndef REDIS_ANY
		for (i : 0 .. SHOPPERS - 1) {	/* I4 */
			base = CLAIM(db.generation, i, 1); n = 0;
			for (j : 0 .. ATTEMPTS - 1) {
				if
				:: IS_LIVE(db.verdict[base + j]) -> n = 1
				:: else
				fi
			}
			assert(!loaded || ((holders >> i) & 1) == n)
		}
#endif
		skip
	} }
}

init {
	atomic {
#ifdef STANDBY
		d_step { replicate() };
#endif
		run purchase(0, 0, REQUESTS);
#if CLIENTS > 1
		run purchase(1, 1 % SHOPPERS, REQUESTS2);
#endif
#if CLIENTS > 2
		run purchase(2, 2 % SHOPPERS, 1)
#endif
	}
}
