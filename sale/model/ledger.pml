/*
 * The purchase protocol: presses, the log of claims, the ledger in Postgres, the holders in Redis.
 *
 * Every process below may stop between any two of its steps, and every step is one effect that the others can see:
 * a Redis script, an append, a commit, an answer. A transaction is one step because the lock of its stock row is held
 * from before it reads until it has committed; STOCK_ROW_NOT_LOCKED takes that away. Time is not modelled: whatever
 * waits for a time may happen at once or never. Names are those of the code; README.md maps each to its function.
 */

#ifndef SHOPPERS
#define SHOPPERS 2
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 3	/* claims per shopper and generation that are told apart */
#endif
#ifndef GENERATIONS
#define GENERATIONS 1
#endif
#ifndef TOTAL
#define TOTAL 1		/* units */
#endif
#ifndef LOG
#define LOG 4		/* records that fit the log; a full one refuses */
#endif
#ifndef FOLLOWERS
#define FOLLOWERS 2
#endif
#ifndef PRESSERS
#define PRESSERS 2	/* who press at the same time; shopper = number % SHOPPERS */
#endif
#ifndef PRESSES
#define PRESSES 1	/* how often the first of them presses; the second PRESSES2 times, the third once */
#endif
#ifndef PRESSES2
#define PRESSES2 1
#endif
#ifndef LATE
#define LATE 0		/* appends that land long after they were given up */
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
#define WARNINGS 0	/* commits that gave up waiting for the synchronous standby (SQLSTATE 01000) */
#endif

#if defined(ASYNC_STANDBY) || defined(SYNC_STANDBY)
#define STANDBY
#endif

#define CLAIMS			(GENERATIONS * SHOPPERS * ATTEMPTS)
#define CLAIM(g, u, a)		(((g) - 1) * SHOPPERS * ATTEMPTS + (u) * ATTEMPTS + (a) - 1)
#define ATTEMPT(c)		((c) % ATTEMPTS + 1)
#define USER(c)			(((c) / ATTEMPTS) % SHOPPERS)
#define GENERATION(c)		((c) / (SHOPPERS * ATTEMPTS) + 1)
#define FIRST(c)		((c) - (c) % ATTEMPTS)
#define BIT(n)			(1 << (n))

/* What the ledger has on a claim. */
#define NONE			0
#define SOLD_OUT		1
#define ALREADY_OWNS		2
#define GENERATION_CHANGED	3
#define CANCELLED		4	/* an order that was released */
#define ORDERED(unit)		(4 + (unit))
#define IS_LIVE(v)		((v) > CANCELLED)
#define UNIT(v)			((v) - CANCELLED)

typedef Verdict {
	byte outcome;
	bool fresh;
	byte nextAttempt;
	byte orderID;	/* claim + 1; 0: none */
	byte by	/* Press: whose record was decided; 0: not kept */
}

typedef Postgres {
	byte generation = 1;
	byte taken;	/* stock of the current generation */
	byte nextUnit = 1;
	byte returned;	/* returned_units, a bit each */
	byte cursor;
	byte verdict[CLAIMS];	/* orders and declines */
	byte by[CLAIMS]	/* of orders */
}

Postgres db;
#ifdef STANDBY
Postgres standby;
#endif

byte log[LOG];
byte by[LOG];		/* the press that wrote the record */
byte end;
byte group;		/* the offset committed to the consumer group */
#if LATE > 0
byte lates = LATE;
byte late;		/* claim + 1 of an append that was given up and is still on its way */
byte lateBy;
#endif

bool loaded;		/* the holders, of the current generation */
byte holders;
#if ROLLBACKS > 0
byte dump;
bool dumped;
#endif
#ifdef ATTEMPT_IN_REDIS
byte attempts[SHOPPERS];
byte attemptsDump[SHOPPERS];
#endif

#if defined(ASYNC_STANDBY) && !defined(OPERATOR_BEFORE_REPLAY)
byte reached;		/* the highest cursor there ever was: below it a lost tail is decided again */
#define REPLAYED	(db.cursor >= reached)
#else
#define REPLAYED	true
#endif

byte waits[PRESSERS];	/* claim + 1 that a press waits for */
Verdict got[PRESSERS];	/* what was delivered to its waiter */

/* What shoppers were told, for ever: REFUSED, or the unit of a receipt. */
#define REFUSED			1
#define RECEIPT(unit)		(1 + (unit))
byte told[CLAIMS];
bool said[CLAIMS];	/* that a press was told 201 for it */
#define PROMISED(c, unit)	(told[c] == RECEIPT(unit) && db.verdict[c] != CANCELLED)

#if WARNINGS > 0
byte warnings = WARNINGS;
#endif

hidden byte i, j, n, base, unit;

#include "decide.pml"
#include "follower.pml"
#include "press.pml"
#include "faults.pml"

/* flashsale verify, when nothing is on its way any more. */
active proctype audit() {
	atomic { timeout -> d_step {
		invariants();
		promises();	/* I3 */
		assert(CURSOR == end);	/* I5 */
		for (i : 1 .. end) { assert(db.verdict[log[i - 1]] != NONE) }
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
		run press(0, 0, PRESSES);
#if PRESSERS > 1
		run press(1, 1 % SHOPPERS, PRESSES2);
#endif
#if PRESSERS > 2
		run press(2, 2 % SHOPPERS, 1)
#endif
	}
}
