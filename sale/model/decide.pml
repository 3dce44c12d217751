/* Part of ledger.pml: Postgres, and how a claim gets its verdict. */

inline replicate() {
	skip;
#ifdef STANDBY
	standby.generation = db.generation;
	standby.taken = db.taken;
	standby.nextUnit = db.nextUnit;
	standby.returned = db.returned;
	standby.cursor = db.cursor;
	for (i : 0 .. CLAIMS - 1) { standby.verdict[i] = db.verdict[i]; standby.by[i] = db.by[i] }
	skip
#endif
}

/* What a commit that answers means for the standby. */
#ifdef SYNC_STANDBY
#define durable()	replicate()
#else
#define durable()	skip
#endif

/* Store.prove: what was only read is not proved durable by its reader, unless he commits something too. */
#ifdef LOOK_WITHOUT_PROOF
#define proved()	skip
#else
#define proved()	durable()
#endif

/* I1, I2, and that no unit is somebody's to whom it was promised and somebody else's. */
inline invariants() {
	n = 0;
	for (i : CLAIM(db.generation, 0, 1) .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
		if
		:: IS_LIVE(db.verdict[i]) ->
			n++;
			for (j : i + 1 .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
				assert(db.verdict[j] != db.verdict[i] || !IS_LIVE(db.verdict[j]));	/* I1: a unit each */
				assert(!IS_LIVE(db.verdict[j]) || USER(i) != USER(j))	/* I2 */
			}
		:: else
		fi
	}
	assert(n == db.taken && n <= TOTAL)	/* I1 */
}

/* I3 when nothing is on its way: what was told is so. */
inline promises() {
	for (i : 0 .. CLAIMS - 1) {
		assert(told[i] <= REFUSED || db.verdict[i] == CANCELLED || db.verdict[i] == ORDERED(told[i] - 1));
		assert(told[i] != REFUSED || !IS_LIVE(db.verdict[i]))
	}
}

/* The first attempt without a verdict, and the live order (0: none) among those of a claim's shopper. */
inline nextAttempts(c, v, owners) {
	base = FIRST(c);
	n = 0; j = 0;
	for (i : 0 .. ATTEMPTS - 1) {
		if
		:: db.verdict[base + i] != NONE ->
			n = i + 1;
			if
			:: IS_LIVE(db.verdict[base + i]) -> j = base + i + 1
			:: else
			fi
		:: else
		fi
	}
	if
	:: IS_LIVE(v.outcome) -> skip
	:: else ->
		if
		:: owners && j -> v.orderID = j
		:: else -> v.nextAttempt = n + 1
		fi
	fi
}

/* Store.Verdicts: what was decided, read without a lock. */
inline Verdicts(c, v) {
	v.outcome = db.verdict[c];
	v.fresh = false; v.nextAttempt = 0; v.orderID = 0; v.by = db.by[c];
	if
	:: v.outcome != NONE -> nextAttempts(c, v, false)
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

/* ledgerState.step on the record of press p; generation and taken are those under the lock, but for a mutant. */
inline DecideTx(c, p, v, generation_, taken_) {
	v.fresh = false; v.nextAttempt = 0; v.orderID = 0; v.by = db.by[c];
	v.outcome = db.verdict[c];
	if
	:: v.outcome != NONE -> nextAttempts(c, v, true)
	:: else ->
		v.fresh = true;
		base = FIRST(c); j = 0;
		for (i : 0 .. ATTEMPTS - 1) {
			if
			:: IS_LIVE(db.verdict[base + i]) -> j = base + i + 1
			:: else
			fi
		}
		if
		:: generation_ != GENERATION(c) -> v.outcome = GENERATION_CHANGED
		:: else ->
			if
			:: j -> v.outcome = ALREADY_OWNS; v.orderID = j
			:: else ->
				if
				:: taken_ >= TOTAL -> v.outcome = SOLD_OUT
				:: else ->
					assert(db.generation == GENERATION(c));	/* I7 */
					assert(told[c] != REFUSED);
					TakeTx();
					for (i : 0 .. CLAIMS - 1) {
						/* Nobody else was promised this unit and still is. */
						assert(i == c || !PROMISED(i, unit) || GENERATION(i) != GENERATION(c))	/* I3 */
					}
					v.outcome = ORDERED(unit);
					db.by[c] = p; v.by = p
				fi
			fi
		fi;
		printf("ledger: claim %d is decided: %d\n", c, v.outcome);
		assert(told[c] <= REFUSED || v.outcome == ORDERED(told[c] - 1));	/* I3 */
#ifdef DECLINES_NOT_REMEMBERED
		if
		:: IS_LIVE(v.outcome) -> db.verdict[c] = v.outcome
		:: else
		fi;
#else
		db.verdict[c] = v.outcome;
#endif
		invariants()
	fi
}

/* Checkout.Decided: wakes the press that waits for the claim and gives back the place of a declined one. */
inline Decided(c, v) {
	for (i : 0 .. PRESSERS - 1) {
		if
		:: waits[i] == c + 1 && got[i].outcome == NONE ->
			got[i].outcome = v.outcome; got[i].fresh = v.fresh;
			got[i].nextAttempt = v.nextAttempt; got[i].orderID = v.orderID; got[i].by = v.by
		:: else
		fi
	}
	if
	:: v.fresh && (v.outcome == SOLD_OUT || v.outcome == GENERATION_CHANGED) && GENERATION(c) == db.generation ->
		holders = holders & ~BIT(USER(c))	/* Places.Release */
	:: else
	fi
}

inline clear(v) { v.outcome = NONE; v.fresh = false; v.nextAttempt = 0; v.orderID = 0; v.by = 0 }
