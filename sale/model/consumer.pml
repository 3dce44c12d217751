/* Part of protocol.pml: the consumers, one in each process. All of them read the same partition. */

#ifdef CURSOR_IN_GROUP
#define CURSOR groupOffset
#else
#define CURSOR db.cursor
#endif

inline noteCursor() {
	skip;
#if defined(ASYNC_STANDBY) && !defined(OPERATOR_BEFORE_REPLAY)
	if
	:: highestCursor < db.cursor -> highestCursor = db.cursor
	:: else
	fi
#endif
}

active [CONSUMERS] proctype consumer() {
	byte offset;
	Verdict v;
resume:
	atomic { offset = CURSOR; clear(v) }
follow:
end_idle:
	do
	/* follower.try: the cursor is where this consumer expects it (Ledger.move) */
	:: atomic { logEnd > offset && CURSOR == offset ->
			printf("consumer: offset %d\n", offset);
			d_step { decideTx(log[offset], logRequestID[offset], v, db.generation, db.taken); CURSOR = offset + 1; noteCursor() };
			if
			:: durable() -> goto decided
			:: durable() -> clear(v)	/* the reply was lost: the next try finds the cursor moved */
#if WARNINGS > 0
			:: warnings > 0 -> warnings--; clear(v)	/* committed here, and maybe not on the standby */
#endif
			:: durable() -> goto resume	/* killed */
			fi }
	/* follower.recall: this consumer or another one has committed the record */
	:: d_step { logEnd > offset && CURSOR == offset + 1 -> Verdicts(log[offset], v); durable() };
		goto decided
	/* the cursor is elsewhere; or there is nothing to fetch, and Ledger.watch finds the cursor elsewhere */
	:: CURSOR > offset + 1 || CURSOR < offset || (logEnd <= offset && CURSOR == offset + 1) -> goto resume
	od;
decided:
	if
	:: d_step { Decided(log[offset], v); printf("consumer: delivers the verdict at offset %d\n", offset); offset++; clear(v) }
#ifndef REDIS_ANY
	:: d_step { offset++; clear(v) }	/* killed, or the verdict did not get to Redis */
#endif
	fi;
	goto follow
}
