/* Part of protocol.pml: how the log, Redis and Postgres fail, and what operators do. */

#define OWNER(s) \
	(IS_LIVE(db.verdict[CLAIM(db.generation, s, 1)]) || IS_LIVE(db.verdict[CLAIM(db.generation, s, ATTEMPTS)]) || \
	 IS_LIVE(db.verdict[CLAIM(db.generation, s, (ATTEMPTS + 1) / 2)]))	/* for 1 to 3 attempts */

/* The network before the log: a record arrives late, or twice. */
#if LATE_APPENDS + DUPLICATES > 0
active proctype network() {
#if DUPLICATES > 0
	byte duplicates = DUPLICATES;
	byte k;
#endif
end_idle:
	do
#if LATE_APPENDS > 0
	:: d_step { lateClaim && logEnd < LOG_SIZE ->
			log[logEnd] = lateClaim - 1; logRequestID[logEnd] = lateRequestID; logEnd++; lateClaim = 0; lateRequestID = 0 }
#endif
#if DUPLICATES > 0
	:: atomic { duplicates > 0 && logEnd > 0 && logEnd < LOG_SIZE ->
			duplicates--;
			select(k : 0 .. logEnd - 1);
			log[logEnd] = log[k]; logRequestID[logEnd] = logRequestID[k]; logEnd++; k = 0 }
#endif
	od
}
#endif

#ifndef REDIS_ANY
/* Redis, and the reconciler that corrects it. */
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
	/* reconciliation.addOwners */
	:: loaded && OWNER(0) && !(holders & BIT(0)) -> holders = holders | BIT(0)
	:: loaded && OWNER(1) && !(holders & BIT(1)) -> holders = holders | BIT(1)
	/* reconciliation.removeHolders: only when everything in the log is decided */
	:: loaded && !OWNER(0) && (holders & BIT(0)) && CURSOR >= logEnd -> holders = holders & ~BIT(0)
	:: loaded && !OWNER(1) && (holders & BIT(1)) && CURSOR >= logEnd -> holders = holders & ~BIT(1)
	od
}
#endif

/*
 * Operators: Store.CancelTx, Store.BeginGenerationTx. Under ASYNC_STANDBY the standby must have what they did, and
 * after a failover they wait until the cursor is back where it was.
 */
inline CancelTx(soldUnit, lockedTaken) {
	for (i : CLAIM(db.generation, 0, 1) .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
		if
		:: db.verdict[i] == ORDERED(soldUnit) ->
			db.verdict[i] = CANCELLED; db.taken = lockedTaken - 1; db.returned = db.returned | BIT(soldUnit)
#ifndef REDIS_ANY
			; placeToRelease = SHOPPER(i) + 1
#endif
		:: else
		fi
	}
	printf("operator: the order of unit %d is cancelled\n", soldUnit);
	invariants();
	replicate()
}
#define SOLD(x)	(db.nextUnit > (x) && !(db.returned & BIT(x)))

#if CANCELS + RESETS > 0
active proctype operator() {
	byte cancels = CANCELS, resets = RESETS;
#ifndef REDIS_ANY
	byte placeToRelease;	/* shopper + 1; 0: none */
#endif
#ifdef CANCEL_WITHOUT_LOCK
	byte seenTaken;
#endif
end_idle:
	do
#if defined(CANCEL_WITHOUT_LOCK)
	:: atomic { cancels > 0 && SOLD(1) -> cancels--; seenTaken = db.taken };
		d_step { SOLD(1) -> CancelTx(1, seenTaken); seenTaken = 0 }
#elif defined(UNIT_RETURNED_FIRST)
	/* One transaction returns the unit, a later one cancels the order. */
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
	/* Checkout.Cancelled; or the process was killed, and reconciliation.removeHolders does it */
	:: d_step { placeToRelease > 0 -> holders = holders & ~BIT(placeToRelease - 1); placeToRelease = 0 }
	:: d_step { placeToRelease > 0 -> placeToRelease = 0 }
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
			for (i : 0 .. CLAIMS - 1) { db.verdict[i] = standby.verdict[i]; db.requestID[i] = standby.requestID[i] }
			printf("postgres: the standby is promoted, cursor %d\n", db.cursor);
#ifdef SYNC_STANDBY
			promises();	/* nothing is lost that a shopper was told */
#endif
			skip
		}
	od
}
#endif
