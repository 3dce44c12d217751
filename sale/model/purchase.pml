/* Part of protocol.pml: a client that sends purchase requests, and the process that takes each to its answer. */

inline findReceipt(shopper) {	/* the live order: claim + 1; 0: none */
	liveOrder = 0;
	for (i : 0 .. ATTEMPTS - 1) {
		if
		:: IS_LIVE(db.verdict[CLAIM(generation, shopper, 1) + i]) -> liveOrder = CLAIM(generation, shopper, 1) + i + 1
		:: else
		fi
	}
}

/* The answer is the receipt of a claim, with 201 or 200. Its order was not cancelled before the request began. */
inline answerReceipt(claim) {
	assert(!(cancelledEarlier & BIT(ATTEMPT(claim))));
	assert(told[claim] != REFUSED);
	printf("shopper %d: has the receipt of claim %d, unit %d\n", shopper, claim, UNIT(v.outcome));
	told[claim] = RECEIPT(UNIT(v.outcome))
}

/* purchase.ownRecord: 201 for the request whose record was decided, 200 for all others. */
#ifdef WHO_WAITS_BUYS
#define OWN_RECORD	(!(decidedEarlier & BIT(attempt)))
#else
#define OWN_RECORD	(v.requestID == REQUEST_ID)
#endif
#define REQUEST_ID	(1 + client + CLIENTS * requestsLeft)

inline answerBought(claim) {
	answerReceipt(claim);
	if
	:: OWN_RECORD ->
		assert(!(decidedEarlier & BIT(attempt)));	/* nobody buys what was bought before */
		assert(!toldBought[claim]);	/* only one request is told 201 */
		printf("shopper %d: bought claim %d\n", shopper, claim);
		toldBought[claim] = true
	:: else
	fi
}

inline Load() {	/* Places.Load with the owners that the ledger has */
	holders = 0;
	for (i : CLAIM(db.generation, 0, 1) .. CLAIM(db.generation, SHOPPERS - 1, ATTEMPTS)) {
		if
		:: IS_LIVE(db.verdict[i]) -> holders = holders | BIT(SHOPPER(i))
		:: else
		fi
	}
	loaded = true
}

inline countHolders() {
	n = 0;
	for (i : 0 .. SHOPPERS - 1) { n = n + ((holders >> i) & 1) }
}

/* Before the request: the attempts that have a verdict and those whose order is cancelled, a bit each; the next attempt. */
inline noteEarlier(shopper) {
	decidedEarlier = 0; cancelledEarlier = 0; n = 0;
	for (i : 0 .. ATTEMPTS - 1) {
		if
		:: db.verdict[CLAIM(generation, shopper, 1) + i] != NONE -> decidedEarlier = decidedEarlier | BIT(i + 1); n = i + 1
		:: else
		fi;
		if
		:: db.verdict[CLAIM(generation, shopper, 1) + i] == CANCELLED -> cancelledEarlier = cancelledEarlier | BIT(i + 1)
		:: else
		fi
	}
	attempt = n + 1
}

/* purchase.decidedBefore: the verdict is from before the request. */
#ifdef DELIVERED_IS_NEW
#define DECIDED_BEFORE	(!v.fresh && (decidedEarlier & BIT(attempt)))
#else
#define DECIDED_BEFORE	(decidedEarlier & BIT(attempt))
#endif
#define THE_CLAIM	CLAIM(generation, shopper, attempt)

/* What the ledger decides by: what it reads when it has locked the stock row. */
#if defined(STOCK_ROW_NOT_LOCKED)
#define READ		seenGeneration, seenTaken
#elif defined(GENERATION_BEFORE_LOCK)
#define READ		seenGeneration, db.taken
#else
#define READ		db.generation, db.taken
#endif

/* Ledger.decideOnce: a transaction on the direct path. Without a reply there is no verdict. */
inline decideOnce() {
	if
	:: d_step { decideTx(THE_CLAIM, REQUEST_ID, v, READ); durable(); Decided(THE_CLAIM, v);
			printf("shopper %d: direct, claim %d: %d, next attempt %d, order %d\n", shopper, THE_CLAIM, v.outcome, v.nextAttempt, v.orderID) }
	:: d_step { decideTx(THE_CLAIM, REQUEST_ID, v, READ); durable(); clear(v) }
#if WARNINGS > 0
	:: d_step { warnings > 0 -> warnings--; decideTx(THE_CLAIM, REQUEST_ID, v, READ); clear(v) }
#endif
	fi
}

/* purchase.decideAtOnce: a quiet process has the claim decided directly while the log takes it. The verdict is delivered. NOT_AT_ONCE:
 * no process is quiet, where that is searched elsewhere and has three times the states. */
inline decideAtOnce() {
	if
#if !defined(LOG_FIRST) && !defined(NOT_AT_ONCE)
#if defined(STOCK_ROW_NOT_LOCKED) || defined(GENERATION_BEFORE_LOCK)
	:: d_step { seenGeneration = db.generation; seenTaken = db.taken };
		decideOnce(); clear(v)
#else
	:: decideOnce(); clear(v)
#endif
#endif
	:: skip
	fi
}

proctype purchase(byte client, shopper, requestsLeft) {
	byte generation, attempt, secondRound, decidedEarlier, cancelledEarlier;
	bool leader;	/* this request took the place, or was admitted without one (claimRole) */
	bool wasDelivered;	/* v was delivered, not looked up */
#ifdef ANSWER_AFTER_RESERVE
	bool reserved;
#endif
	Verdict v;
#if defined(STOCK_ROW_NOT_LOCKED) || defined(GENERATION_BEFORE_LOCK)
	byte seenGeneration, seenTaken;
#endif
again:
	/* Checkout.Buy and purchase.reserve: the catalog knows the generation, this process remembers the next attempt */
	if
	:: requestsLeft == 0 -> goto stop
#ifndef REDIS_ANY
	:: requestsLeft > 0 && !loaded -> d_step { Load() }; goto again
	:: atomic { requestsLeft > 0 && loaded ->
			d_step { requestsLeft--; generation = db.generation; noteEarlier(shopper); countHolders() };
			if
			:: holders & BIT(shopper) -> leader = false
			:: !(holders & BIT(shopper)) && n < TOTAL -> holders = holders | BIT(shopper); leader = true;
#ifdef ANSWER_AFTER_RESERVE
				reserved = true
#endif
			:: !(holders & BIT(shopper)) && n >= TOTAL -> goto answered	/* purchase.answerFull: all claimed */
			:: leader = true	/* purchase.claimWithoutPlace: Redis does not answer */
			fi;
#else
	:: atomic { requestsLeft > 0 ->
			d_step { requestsLeft--; generation = db.generation; noteEarlier(shopper) };
			if
			:: leader = true
			:: leader = false
			fi;
#endif
#ifdef ATTEMPT_IN_REDIS
			attempt = attempts[shopper] + 1;
#else
			if
			:: skip
			:: attempt = 1	/* this process has forgotten it, or never knew it */
			fi;
#endif
			if
			:: attempt > ATTEMPTS -> goto answered
			:: else -> pending[client] = THE_CLAIM + 1
			fi;
			printf("shopper %d: sends a request, claim %d\n", shopper, THE_CLAIM);
#ifdef ANSWER_AFTER_RESERVE
			if
			:: reserved -> told[THE_CLAIM] = RECEIPT(1); reserved = false
			:: else
			fi;
#endif
		}
	fi;
	if
	:: leader -> leader = false	/* purchase.claimReserved */
	:: !leader -> d_step {	/* purchase.claimAsHolder: the shopper's own receipt comes first */
			findReceipt(shopper);
			if
			:: liveOrder -> attempt = ATTEMPT(liveOrder - 1); v.outcome = db.verdict[liveOrder - 1]; prove(); answerReceipt(THE_CLAIM)
			:: else
			fi
		};
		if
		:: v.outcome != NONE -> goto answered
		:: else
		fi
	fi;
await:
	decideAtOnce();
	/* purchase.writeClaim: the log has it, whatever it replies; or it arrives late; or it is refused, or another request has just written it */
	if
	:: atomic { logEnd < LOG_SIZE -> log[logEnd] = THE_CLAIM; logRequestID[logEnd] = REQUEST_ID; logEnd++;
			printf("log: claim %d at %d\n", THE_CLAIM, logEnd - 1);
#ifdef ANSWER_AFTER_APPEND
			told[THE_CLAIM] = RECEIPT(1)
#endif
		}
#if LATE_APPENDS > 0
	:: lateClaim == 0 && lateLeft > 0 -> atomic { lateLeft--; lateClaim = THE_CLAIM + 1; lateRequestID = REQUEST_ID }
#endif
	:: skip
	fi;
	if
	:: d_step { delivered[client].outcome != NONE ->
			printf("shopper %d: the verdict on claim %d is delivered: %d, fresh %d\n", shopper, THE_CLAIM, delivered[client].outcome, delivered[client].fresh);
			v.outcome = delivered[client].outcome; v.fresh = delivered[client].fresh;
			v.nextAttempt = delivered[client].nextAttempt; v.orderID = delivered[client].orderID; v.requestID = delivered[client].requestID;
			wasDelivered = true }
	/* Checkout.lookUpVerdicts */
	:: d_step { db.verdict[THE_CLAIM] != NONE -> Verdicts(THE_CLAIM, v); prove();
			printf("shopper %d: the verdict on claim %d is looked up: %d, next attempt %d\n", shopper, THE_CLAIM, v.outcome, v.nextAttempt) }
#ifndef LOG_FIRST
	/* purchase.decideDirectly, Ledger.decideTogether: a second try when the first had no reply */
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
	:: goto answered	/* 202 if the append was acknowledged, else 503; or the process was killed, here or later */
	fi;
	/* purchase.awaitAnswer, purchase.awaitVerdict */
	if
#ifndef DELIVERED_IS_NEW
	/* A delivered verdict was true when it was decided. Before this request, more may have happened. */
	:: wasDelivered && DECIDED_BEFORE -> d_step { Verdicts(THE_CLAIM, v); prove() }
#endif
	:: else
	fi;
#ifndef ATTEMPT_IN_REDIS
	if
	:: atomic { DECIDED_BEFORE && v.nextAttempt > 0 && secondRound == 0 ->
			d_step { attempt = v.nextAttempt; secondRound = 1; wasDelivered = false; clear(v); clear(delivered[client]); pending[client] = 0 };
			if
			:: attempt > ATTEMPTS -> goto answered
			:: else -> pending[client] = THE_CLAIM + 1
			fi;
			printf("shopper %d: the verdict was an old one, now claim %d\n", shopper, THE_CLAIM) };
		goto await
	:: else
	fi;
#endif
	/* purchase.answerVerdict */
	wasDelivered = false;
	if
	:: IS_LIVE(v.outcome) -> d_step { answerBought(THE_CLAIM) }
#ifdef CANCELLED_COUNTS_AS_LIVE
	:: v.outcome == CANCELLED && v.nextAttempt == 0 -> assert(!(cancelledEarlier & BIT(attempt)))
	:: v.outcome != CANCELLED && (v.outcome == ALREADY_OWNS || (!IS_LIVE(v.outcome) && v.orderID)) ->
#else
	:: v.outcome == ALREADY_OWNS || (!IS_LIVE(v.outcome) && v.orderID) ->	/* purchase.answerOwner */
#endif
		d_step {
			findReceipt(shopper);
			if
			:: liveOrder -> v.outcome = db.verdict[liveOrder - 1]; prove(); answerReceipt(liveOrder - 1)
			:: else
			fi
		}
	:: (v.outcome == SOLD_OUT || v.outcome == GENERATION_CHANGED) && !v.orderID ->	/* 409 */
		d_step {
			assert(!(decidedEarlier & BIT(attempt)));	/* the refusal is not from before the request */
			assert(told[THE_CLAIM] <= REFUSED);
			printf("shopper %d: refused, claim %d\n", shopper, THE_CLAIM);
			told[THE_CLAIM] = REFUSED
#ifdef ATTEMPT_IN_REDIS
			; attempts[shopper]++
#endif
		}
	:: v.outcome == CANCELLED && v.nextAttempt > 0	/* bought and cancelled while the request waited: 503 */
	:: v.outcome == NONE	/* the verdict that was delivered is lost since, by a failover: 503 */
	fi;
answered:
	atomic {
		pending[client] = 0; clear(delivered[client]); clear(v);
		decidedEarlier = 0; cancelledEarlier = 0; secondRound = 0; attempt = 0; generation = 0; leader = false;
	};
	goto again;
stop:
	skip
}
