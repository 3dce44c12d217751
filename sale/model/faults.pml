/* Part of ledger.pml: what befalls the servers, and what operators do. */

#define OWNER(u) \
	(IS_LIVE(db.verdict[CLAIM(db.generation, u, 1)]) || IS_LIVE(db.verdict[CLAIM(db.generation, u, ATTEMPTS)]) || \
	 IS_LIVE(db.verdict[CLAIM(db.generation, u, (ATTEMPTS + 1) / 2)]))	/* for 1 to 3 attempts */

/* The log: producers that repeat themselves, and one that was given up long ago. */
#if LATE + DUPLICATES > 0
active proctype network() {
#if DUPLICATES > 0
	byte duplicates = DUPLICATES;
	byte k;
#endif
end_idle:
	do
#if LATE > 0
	:: d_step { late && end < LOG -> log[end] = late - 1; by[end] = lateBy; end++; late = 0; lateBy = 0 }
#endif
#if DUPLICATES > 0
	:: atomic { duplicates > 0 && end > 0 && end < LOG ->
			duplicates--;
			select(k : 0 .. end - 1);
			log[end] = log[k]; by[end] = by[k]; end++; k = 0 }
#endif
	od
}
#endif

#ifndef REDIS_ANY
/* Redis, and the reconciler that puts it right. */
active proctype redis() {
	byte forgets = FORGETS, rollbacks = ROLLBACKS;
end_idle:
	do
	:: forgets > 0 && loaded -> d_step { forgets--; loaded = false; holders = 0;
#ifdef ATTEMPT_IN_REDIS
			for (i : 0 .. SHOPPERS - 1) { attempts[i] = 0 }
#endif
			skip }
#if ROLLBACKS > 0
	:: d_step { rollbacks > 0 && loaded && !dumped -> dump = holders; dumped = true;
#ifdef ATTEMPT_IN_REDIS
			for (i : 0 .. SHOPPERS - 1) { attemptsDump[i] = attempts[i] }
#endif
			skip }
	:: d_step { rollbacks > 0 && dumped -> rollbacks--; holders = dump; dump = 0; dumped = false; loaded = true;
#ifdef ATTEMPT_IN_REDIS
			for (i : 0 .. SHOPPERS - 1) { attempts[i] = attemptsDump[i] }
#endif
			skip }
#endif
	/* reconciliation.admit */
	:: loaded && OWNER(0) && !(holders & BIT(0)) -> holders = holders | BIT(0)
	:: loaded && OWNER(1) && !(holders & BIT(1)) -> holders = holders | BIT(1)
	/* reconciliation.dismiss: at the latest when everything is decided */
	:: loaded && !OWNER(0) && (holders & BIT(0)) && CURSOR >= end -> holders = holders & ~BIT(0)
	:: loaded && !OWNER(1) && (holders & BIT(1)) && CURSOR >= end -> holders = holders & ~BIT(1)
	od
}
#endif

/*
 * Operators: Store.CancelTx, Store.BeginGenerationTx. Under ASYNC_STANDBY the standby must have what they did, and
 * after a failover they wait until the log has been read as far as it once was.
 */
inline CancelTx(x, taken_) {
	for (i : CLAIM(db.generation, 0, 1) .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
		if
		:: db.verdict[i] == ORDERED(x) ->
			db.verdict[i] = CANCELLED; db.taken = taken_ - 1; db.returned = db.returned | BIT(x)
#ifndef REDIS_ANY
			; free = USER(i) + 1
#endif
		:: else
		fi
	}
	printf("operator: the order of unit %d is cancelled\n", x);
	invariants();
	replicate()
}
#define SOLD(x)	(db.nextUnit > (x) && !(db.returned & BIT(x)))

#if CANCELS + RESETS > 0
active proctype operator() {
	byte cancels = CANCELS, resets = RESETS;
#ifndef REDIS_ANY
	byte free;	/* user + 1 of the place that is to be given back */
#endif
#ifdef CANCEL_WITHOUT_LOCK
	byte seen;
#endif
end_idle:
	do
#if defined(CANCEL_WITHOUT_LOCK)
	:: atomic { cancels > 0 && SOLD(1) -> cancels--; seen = db.taken };
		d_step { SOLD(1) -> CancelTx(1, seen); seen = 0 }
#elif defined(UNIT_FREED_FIRST)
	/* The unit goes back in a transaction of its own, before the order. */
	:: d_step { cancels > 0 && SOLD(1) -> cancels--; db.taken--; db.returned = db.returned | BIT(1) };
		d_step {
			for (i : CLAIM(db.generation, 0, 1) .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
				if
				:: db.verdict[i] == ORDERED(1) -> db.verdict[i] = CANCELLED
				:: else
				fi
			}
		}
#else
	:: d_step { cancels > 0 && REPLAYED && db.taken > 0 && SOLD(1) -> cancels--; CancelTx(1, db.taken) }
#if TOTAL > 1
	:: d_step { cancels > 0 && REPLAYED && db.taken > 0 && SOLD(2) -> cancels--; CancelTx(2, db.taken) }
#endif
#endif
#ifndef REDIS_ANY
	/* Checkout.Cancelled; or the process was killed, and it is left to reconciliation.dismiss */
	:: d_step { free > 0 -> holders = holders & ~BIT(free - 1); free = 0 }
	:: d_step { free > 0 -> free = 0 }
#endif
	:: d_step { resets > 0 && REPLAYED && db.generation < GENERATIONS ->
			resets--;
			db.generation++; db.taken = 0; db.nextUnit = 1; db.returned = 0;
			holders = 0; loaded = false;
			printf("operator: generation %d\n", db.generation);
			replicate() }
	od
}
#endif

#if FAILOVERS > 0
active proctype postgres() {
	byte failovers = FAILOVERS;
end_idle:
	do
#ifdef ASYNC_STANDBY
	:: failovers > 0 -> d_step { replicate() }
#endif
	:: d_step { failovers > 0 ->
			failovers--;
			db.generation = standby.generation; db.taken = standby.taken; db.nextUnit = standby.nextUnit;
			db.returned = standby.returned; db.cursor = standby.cursor;
			for (i : 0 .. CLAIMS - 1) { db.verdict[i] = standby.verdict[i]; db.by[i] = standby.by[i] }
			printf("postgres: the standby is promoted, cursor %d\n", db.cursor);
#ifdef SYNC_STANDBY
			promises();	/* nothing may have to be decided again */
#endif
			skip
		}
	od
}
#endif
