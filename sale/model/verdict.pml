/* Part of protocol.pml: how a claim gets its verdict in Postgres, and how the verdict gets to the request. */

inline replicate() {
	skip;
#ifdef STANDBY
	standby.generation = db.generation;
	standby.taken = db.taken;
	standby.nextUnit = db.nextUnit;
	standby.returned = db.returned;
	standby.cursor = db.cursor;
	for (i : 0 .. CLAIMS - 1) { standby.verdict[i] = db.verdict[i]; standby.requestID[i] = db.requestID[i] }
	skip
#endif
}

/* What a successful commit means for the standby. */
#ifdef SYNC_STANDBY
#define durable()	replicate()
#else
#define durable()	skip
#endif

/* Store.prove: reading does not prove that something is durable. Only a commit that writes does. */
#ifdef LOOKUP_WITHOUT_PROOF
#define prove()		skip
#else
#define prove()		durable()
#endif

/* I1 and I2. */
inline invariants() {
	n = 0;
	for (i : CLAIM(db.generation, 0, 1) .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
		if
		:: IS_LIVE(db.verdict[i]) ->
			n++;
			for (j : i + 1 .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
				assert(db.verdict[j] != db.verdict[i] || !IS_LIVE(db.verdict[j]));	/* I1: each has its own unit */
				assert(!IS_LIVE(db.verdict[j]) || SHOPPER(i) != SHOPPER(j))	/* I2 */
			}
		:: else
		fi
	}
	assert(n == db.taken && n <= TOTAL)	/* I1 */
}

/* I3 when nothing is under way: what shoppers were told is true. */
inline promises() {
	for (i : 0 .. CLAIMS - 1) {
		assert(told[i] <= REFUSED || db.verdict[i] == CANCELLED || db.verdict[i] == ORDERED(told[i] - 1));
		assert(told[i] != REFUSED || !IS_LIVE(db.verdict[i]))
	}
}

/* The first attempt without a verdict, and the live order (claim + 1; 0: none), of the claim's shopper. */
inline nextAttempts(claim, v, owners) {
	base = FIRST(claim);
	n = 0; liveOrder = 0;
	for (i : 0 .. ATTEMPTS - 1) {
		if
		:: db.verdict[base + i] != NONE ->
			n = i + 1;
			if
			:: IS_LIVE(db.verdict[base + i]) -> liveOrder = base + i + 1
			:: else
			fi
		:: else
		fi
	}
	if
	:: IS_LIVE(v.outcome) -> skip
	:: else ->
		if
		:: owners && liveOrder -> v.orderID = liveOrder
		:: else -> v.nextAttempt = n + 1
		fi
	fi
}

/* Store.Verdicts: what was decided, read without a lock. */
inline Verdicts(claim, v) {
	v.outcome = db.verdict[claim];
	v.fresh = false; v.nextAttempt = 0; v.orderID = 0; v.requestID = db.requestID[claim];
	if
	:: v.outcome != NONE -> nextAttempts(claim, v, false)
	:: else
	fi
}

inline TakeTx() {
	unit = 0;
	for (i : 1 .. TOTAL) {
		if
		:: !unit && (db.returned & BIT(i)) -> unit = i
		:: else
		fi
	}
	if
	:: unit -> db.returned = db.returned & ~BIT(unit)
	:: else -> unit = db.nextUnit; db.nextUnit++
	fi
	db.taken++
}

/* BatchState.step on a record of that request. The generation and taken are those under the lock, except in mutants. */
inline decideTx(claim, request, v, lockedGeneration, lockedTaken) {
	v.fresh = false; v.nextAttempt = 0; v.orderID = 0; v.requestID = db.requestID[claim];
	v.outcome = db.verdict[claim];
	if
	:: v.outcome != NONE -> nextAttempts(claim, v, true)
	:: else ->
		v.fresh = true;
		base = FIRST(claim); liveOrder = 0;
		for (i : 0 .. ATTEMPTS - 1) {
			if
			:: IS_LIVE(db.verdict[base + i]) -> liveOrder = base + i + 1
			:: else
			fi
		}
		if
		:: lockedGeneration != GENERATION(claim) -> v.outcome = GENERATION_CHANGED
		:: else ->
			if
			:: liveOrder -> v.outcome = ALREADY_OWNS; v.orderID = liveOrder
			:: else ->
				if
				:: lockedTaken >= TOTAL -> v.outcome = SOLD_OUT
				:: else ->
					assert(db.generation == GENERATION(claim));	/* I7 */
					assert(told[claim] != REFUSED);
					TakeTx();
					for (i : 0 .. CLAIMS - 1) {
						/* The unit is not promised to another claim. */
						assert(i == claim || !PROMISED(i, unit) || GENERATION(i) != GENERATION(claim))	/* I3 */
					}
					v.outcome = ORDERED(unit);
					db.requestID[claim] = request; v.requestID = request
				fi
			fi
		fi;
		printf("ledger: claim %d is decided: %d\n", claim, v.outcome);
		assert(told[claim] <= REFUSED || v.outcome == ORDERED(told[claim] - 1));	/* I3 */
#ifdef DECLINES_NOT_STORED
		if
		:: IS_LIVE(v.outcome) -> db.verdict[claim] = v.outcome
		:: else
		fi;
#else
		db.verdict[claim] = v.outcome;
#endif
		invariants()
	fi
}

/* Checkout.Decided: delivers the verdict to the requests that wait for the claim; a declined claim gives its place back. */
inline Decided(claim, v) {
	for (i : 0 .. CLIENTS - 1) {	/* pendingClaims.deliver */
		if
		:: pending[i] == claim + 1 && delivered[i].outcome == NONE ->
			delivered[i].outcome = v.outcome; delivered[i].fresh = v.fresh;
			delivered[i].nextAttempt = v.nextAttempt; delivered[i].orderID = v.orderID; delivered[i].requestID = v.requestID
		:: else
		fi
	}
	if
	:: v.fresh && (v.outcome == SOLD_OUT || v.outcome == GENERATION_CHANGED) && GENERATION(claim) == db.generation ->
		holders = holders & ~BIT(SHOPPER(claim))	/* Places.Release */
	:: else
	fi
}

inline clear(v) { v.outcome = NONE; v.fresh = false; v.nextAttempt = 0; v.orderID = 0; v.requestID = 0 }
