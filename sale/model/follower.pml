/* Part of ledger.pml: the consumer, one in each process, all on the same partition. */

#ifdef CURSOR_IN_GROUP
#define CURSOR group
#else
#define CURSOR db.cursor
#endif

inline high() {
	skip;
#if defined(ASYNC_STANDBY) && !defined(OPERATOR_BEFORE_REPLAY)
	if
	:: reached < db.cursor -> reached = db.cursor
	:: else
	fi
#endif
}

active [FOLLOWERS] proctype follower() {
	byte place;
	Verdict v;
seat:
	atomic { place = CURSOR; clear(v) }
follow:
end_idle:
	do
	/* follower.try: the fence matches */
	:: atomic { end > place && CURSOR == place ->
			printf("follower: offset %d\n", place);
			d_step { DecideTx(log[place], by[place], v, db.generation, db.taken); CURSOR = place + 1; high() };
			if
			:: durable() -> goto decided
			:: durable() -> clear(v)	/* nobody heard of it: the fence will tell */
#if WARNINGS > 0
			:: warnings > 0 -> warnings--; clear(v)	/* committed here, perhaps nowhere else */
#endif
			:: durable() -> goto seat	/* killed */
			fi }
	/* follower.recall: it was committed, by us or by another */
	:: d_step { end > place && CURSOR == place + 1 -> Verdicts(log[place], v); durable() };
		goto decided
	/* refused; or nothing comes to fetch, and Ledger.watch finds the cursor elsewhere */
	:: CURSOR > place + 1 || CURSOR < place || (end <= place && CURSOR == place + 1) -> goto seat
	od;
decided:
	if
	:: d_step { Decided(log[place], v); printf("follower: tells of offset %d\n", place); place++; clear(v) }
#ifndef REDIS_ANY
	:: d_step { place++; clear(v) }	/* killed, or Redis did not hear of it */
#endif
	fi;
	goto follow
}
