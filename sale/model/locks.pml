/*
 * Which rows the transactions lock, and in which order. One sale with two generations: an older one and the current one.
 *
 * A transaction keeps its locks until its commit. Names are those of the code; README.md maps each to its function.
 */

#define OLDER 0
#define CURRENT 1
#define PATHS 2		/* of the ledger: the consumer and the direct path */
#define BATCHES 2	/* of each path */

bool product;		/* the row that operators' acts lock first: Store.lockGate */
bool generation[2];
bool stock[2];
bool sales;
byte done;
#define PROCESSES	(PATHS + 4)

inline lock(row) { atomic { !row -> row = true } }
inline unlock(row) { row = false }

/* Store.Prepare locks the stock rows of its batch by generation ascending; for a close record also the sale. */
active [PATHS] proctype ledger() {
	byte batches = BATCHES;
	bool hasOlder, hasCurrent, closes;
	do
	:: batches > 0 ->
		d_step { batches-- };
		atomic {
			if
			:: hasOlder = true
			:: skip
			fi;
			if
			:: hasCurrent = true
			:: hasCurrent = true; closes = true
			:: skip
			fi
		};
		if
		:: hasOlder -> lock(stock[OLDER])
		:: else
		fi;
		if
		:: hasCurrent -> lock(stock[CURRENT])
		:: else
		fi;
		if
		:: closes -> lock(sales)
		:: else
		fi;
		d_step {
			if
			:: hasOlder -> unlock(stock[OLDER])
			:: else
			fi;
			if
			:: hasCurrent -> unlock(stock[CURRENT])
			:: else
			fi;
			if
			:: closes -> unlock(sales)
			:: else
			fi;
			hasOlder = false; hasCurrent = false; closes = false
		}
	:: batches == 0 -> break
	od;
	done++
}

/* Store.CancelTx: the product, the generation, the order's stock row, the sale. */
proctype cancel(byte g) {
	lock(product);
#ifdef CANCEL_LOCKS_CURRENT_FIRST
	lock(stock[CURRENT]);
	if
	:: g == OLDER -> lock(stock[OLDER])
	:: else
	fi;
	lock(generation[g]);
#else
	lock(generation[g]);
	lock(stock[g]);
#endif
	lock(sales);
	d_step {
#ifdef CANCEL_LOCKS_CURRENT_FIRST
		unlock(stock[CURRENT]);
#endif
		unlock(sales); unlock(stock[g]); unlock(generation[g]); unlock(product);
		done++
	}
}

/* Store.BeginGenerationTx, and what changes the state of a sale (without the generation). */
active proctype operator() {
	lock(product);
	lock(stock[CURRENT]);
	lock(generation[CURRENT]);
	lock(sales);
	d_step { unlock(sales); unlock(generation[CURRENT]); unlock(stock[CURRENT]); unlock(product); done++ }
}

/* Store.DigestNext skips a generation that is locked. */
active proctype digest() {
	if
	:: atomic { !generation[OLDER] -> generation[OLDER] = true };
		d_step { unlock(generation[OLDER]) }
	:: generation[OLDER]
	fi;
	done++
}

/* No deadlock: when nothing can go on, all are done. */
active proctype noDeadlock() {
	timeout -> assert(done == PROCESSES)
}

init {
	atomic { run cancel(OLDER); run cancel(CURRENT) }
}
