/* Part of ledger.pml: a shopper who presses, and the process that sees it through. */

inline find(u) {	/* the live order, claim + 1 */
	j = 0;
	for (i : 0 .. ATTEMPTS - 1) {
		if
		:: IS_LIVE(db.verdict[CLAIM(generation, u, 1) + i]) -> j = CLAIM(generation, u, 1) + i + 1
		:: else
		fi
	}
}

/* An answer with the receipt of a claim, 201 or 200. Its order must not have been cancelled before the press began. */
inline receipt(c) {
	assert(!(gone & BIT(ATTEMPT(c))));
	assert(told[c] != REFUSED);
	printf("shopper %d: has the receipt of claim %d, unit %d\n", u, c, UNIT(v.outcome));
	told[c] = RECEIPT(UNIT(v.outcome))
}

/* purchase.ownRecord: 201 for the press whose record was decided, 200 for who had it before, or shares it. */
#ifdef WHO_WAITS_BUYS
#define MINE	(!(before & BIT(attempt)))
#else
#define MINE	(v.by == ME)
#endif
#define ME	(1 + me + PRESSERS * presses)

inline bought(c) {
	receipt(c);
	if
	:: MINE ->
		assert(!(before & BIT(attempt)));	/* nobody buys what was bought before */
		assert(!said[c]);	/* one press says it */
		printf("shopper %d: bought claim %d\n", u, c);
		said[c] = true
	:: else
	fi
}

inline Load() {	/* Places.Load with Reconciler's owners */
	holders = 0;
	for (i : CLAIM(db.generation, 0, 1) .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
		if
		:: IS_LIVE(db.verdict[i]) -> holders = holders | BIT(USER(i))
		:: else
		fi
	}
	loaded = true
}

inline room() {	/* whether there is any */
	n = 0;
	for (i : 0 .. SHOPPERS - 1) { n = n + ((holders >> i) & 1) }
}

/* What lies before the press: which attempts have a verdict, which orders are gone, which attempt comes next. */
inline past(u) {
	before = 0; gone = 0; n = 0;
	for (i : 0 .. ATTEMPTS - 1) {
		if
		:: db.verdict[CLAIM(generation, u, 1) + i] != NONE -> before = before | BIT(i + 1); n = i + 1
		:: else
		fi;
		if
		:: db.verdict[CLAIM(generation, u, 1) + i] == CANCELLED -> gone = gone | BIT(i + 1)
		:: else
		fi
	}
	attempt = n + 1
}

#ifdef DELIVERED_IS_YOUNG
#define OLD	(!v.fresh && (before & BIT(attempt)))
#else
#define OLD	(before & BIT(attempt))
#endif
#define THE_CLAIM	CLAIM(generation, u, attempt)

/* What the ledger decides by: what it sees under the lock of the stock row. */
#if defined(STOCK_ROW_NOT_LOCKED)
#define SEEN		seenGeneration, seenTaken
#elif defined(GENERATION_BEFORE_LOCK)
#define SEEN		seenGeneration, db.taken
#else
#define SEEN		db.generation, db.taken
#endif

/* Ledger.decideOnce: a transaction of its own. Without a reply there is no verdict. */
inline decideOnce() {
	if
	:: d_step { DecideTx(THE_CLAIM, ME, v, SEEN); durable(); Decided(THE_CLAIM, v);
			printf("shopper %d: direct, claim %d: %d, next attempt %d, order %d\n", u, THE_CLAIM, v.outcome, v.nextAttempt, v.orderID) }
	:: d_step { DecideTx(THE_CLAIM, ME, v, SEEN); durable(); clear(v) }
#if WARNINGS > 0
	:: d_step { warnings > 0 -> warnings--; DecideTx(THE_CLAIM, ME, v, SEEN); clear(v) }
#endif
	fi
}

proctype press(byte me, u, presses) {
	byte generation, attempt, round, before, gone;
	bool own, heard;
#ifdef ANSWER_AFTER_RESERVE
	bool sure;
#endif
	Verdict v;
#if defined(STOCK_ROW_NOT_LOCKED) || defined(GENERATION_BEFORE_LOCK)
	byte seenGeneration, seenTaken;
#endif
again:
	/* Checkout.Buy and purchase.reserve: the generation is the board's, the attempt what this process remembers */
	if
	:: presses == 0 -> goto stop
#ifndef REDIS_ANY
	:: presses > 0 && !loaded -> d_step { Load() }; goto again
	:: atomic { presses > 0 && loaded ->
			d_step { presses--; generation = db.generation; past(u); room() };
			if
			:: holders & BIT(u) -> own = false
			:: !(holders & BIT(u)) && n < TOTAL -> holders = holders | BIT(u); own = true;
#ifdef ANSWER_AFTER_RESERVE
				sure = true
#endif
			:: !(holders & BIT(u)) && n >= TOTAL -> goto answered	/* purchase.answerFull: all claimed */
			:: own = true	/* purchase.claimWithoutPlace: Redis does not answer */
			fi;
#else
	:: atomic { presses > 0 ->
			d_step { presses--; generation = db.generation; past(u) };
			if
			:: own = true
			:: own = false
			fi;
#endif
#ifdef ATTEMPT_IN_REDIS
			attempt = attempts[u] + 1;
#else
			if
			:: skip
			:: attempt = 1	/* forgotten, or another process */
			fi;
#endif
			if
			:: attempt > ATTEMPTS -> goto answered
			:: else -> waits[me] = THE_CLAIM + 1
			fi;
			printf("shopper %d: presses, claim %d\n", u, THE_CLAIM);
#ifdef ANSWER_AFTER_RESERVE
			if
			:: sure -> told[THE_CLAIM] = RECEIPT(1); sure = false
			:: else
			fi;
#endif
		}
	fi;
	if
	:: own -> own = false
	:: !own -> d_step {	/* purchase.claimAsHolder: one's own receipt first */
			find(u);
			if
			:: j -> attempt = ATTEMPT(j - 1); v.outcome = db.verdict[j - 1]; proved(); receipt(THE_CLAIM)
			:: else
			fi
		};
		if
		:: v.outcome != NONE -> goto answered
		:: else
		fi
	fi;
await:
	/* purchase.writeClaim: the log may have it whatever it replies, or refuse it, or another press has written it just now */
	if
	:: atomic { end < LOG -> log[end] = THE_CLAIM; by[end] = ME; end++;
			printf("log: claim %d at %d\n", THE_CLAIM, end - 1);
#ifdef ANSWER_AFTER_APPEND
			told[THE_CLAIM] = RECEIPT(1)
#endif
		}
#if LATE > 0
	:: late == 0 && lates > 0 -> atomic { lates--; late = THE_CLAIM + 1; lateBy = ME }
#endif
	:: skip
	fi;
	if
	:: d_step { got[me].outcome != NONE ->
			printf("shopper %d: hears of claim %d: %d, fresh %d\n", u, THE_CLAIM, got[me].outcome, got[me].fresh);
			v.outcome = got[me].outcome; v.fresh = got[me].fresh;
			v.nextAttempt = got[me].nextAttempt; v.orderID = got[me].orderID; v.by = got[me].by;
			heard = true }
	/* Checkout.lookUpVerdicts */
	:: d_step { db.verdict[THE_CLAIM] != NONE -> Verdicts(THE_CLAIM, v); proved();
			printf("shopper %d: looks up claim %d: %d, next attempt %d\n", u, THE_CLAIM, v.outcome, v.nextAttempt) }
#ifndef LOG_FIRST
	/* purchase.decideDirectly, Ledger.decideTogether: a second try when the first did not reply */
#if defined(STOCK_ROW_NOT_LOCKED) || defined(GENERATION_BEFORE_LOCK)
	:: d_step { seenGeneration = db.generation; seenTaken = db.taken };
		decideOnce();
#else
	:: decideOnce();
#endif
		if
		:: v.outcome == NONE -> decideOnce()
		:: else
		fi;
		if
		:: v.outcome == NONE -> goto answered
		:: else
		fi
#endif
	:: goto answered	/* 202 with an acknowledgement, else 503; or the process was killed, here or later */
	fi;
	/* purchase.awaitAnswer, purchase.awaitVerdict */
	if
#ifndef DELIVERED_IS_YOUNG
	/* What was delivered was true when it was decided; much may have happened between that and this press. */
	:: heard && OLD -> d_step { Verdicts(THE_CLAIM, v); proved() }
#endif
	:: else
	fi;
#ifndef ATTEMPT_IN_REDIS
	if
	:: atomic { OLD && v.nextAttempt > 0 && round == 0 ->
			d_step { attempt = v.nextAttempt; round = 1; heard = false; clear(v); clear(got[me]); waits[me] = 0 };
			if
			:: attempt > ATTEMPTS -> goto answered
			:: else -> waits[me] = THE_CLAIM + 1
			fi;
			printf("shopper %d: that was an old one, claim %d\n", u, THE_CLAIM) };
		goto await
	:: else
	fi;
#endif
	/* purchase.answerVerdict */
	heard = false;
	if
	:: IS_LIVE(v.outcome) -> d_step { bought(THE_CLAIM) }
#ifdef RELEASED_COUNTS_AS_LIVE
	:: v.outcome == CANCELLED && v.nextAttempt == 0 -> assert(!(gone & BIT(attempt)))
	:: v.outcome != CANCELLED && (v.outcome == ALREADY_OWNS || (!IS_LIVE(v.outcome) && v.orderID)) ->
#else
	:: v.outcome == ALREADY_OWNS || (!IS_LIVE(v.outcome) && v.orderID) ->	/* purchase.answerOwner */
#endif
		d_step {
			find(u);
			if
			:: j -> v.outcome = db.verdict[j - 1]; proved(); receipt(j - 1)
			:: else
			fi
		}
	:: (v.outcome == SOLD_OUT || v.outcome == GENERATION_CHANGED) && !v.orderID ->	/* 409 */
		d_step {
			assert(!(before & BIT(attempt)));	/* what is refused now was not refused to an earlier press */
			assert(told[THE_CLAIM] <= REFUSED);
			printf("shopper %d: refused, claim %d\n", u, THE_CLAIM);
			told[THE_CLAIM] = REFUSED
#ifdef ATTEMPT_IN_REDIS
			; attempts[u]++
#endif
		}
	:: v.outcome == CANCELLED && v.nextAttempt > 0	/* bought and cancelled while the press waited: 503 */
	:: v.outcome == NONE	/* what was heard is not there any more: 503 */
	fi;
answered:
	atomic {
		waits[me] = 0; clear(got[me]); clear(v);
		before = 0; gone = 0; round = 0; attempt = 0; generation = 0; own = false;
	};
	goto again;
stop:
	skip
}
