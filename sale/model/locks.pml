/*
 * Which rows the transactions lock, and in which order. Two generations of one sale; the second is the present one.
 *
 * A transaction holds what it has locked until its commit. Names are those of the code; README.md maps each to its
 * function.
 */

#define OLD 0
#define NOW 1
#define LEDGERS 2	/* the consumer and the direct path */
#define ROUNDS 2

bool gate;		/* the product's row */
bool generation[2];
bool stock[2];
bool sales;
byte done;
#define PROCESSES	(LEDGERS + 4)

inline lock(row) { atomic { !row -> row = true } }
inline unlock(row) { row = false }

/* Store.Prepare locks the stock rows of its batch, of any generations, by their numbers ascending; a close record, the sale. */
active [LEDGERS] proctype ledger() {
	byte rounds = ROUNDS;
	bool old, now, closes;
	do
	:: rounds > 0 ->
		d_step { rounds-- };
		atomic {
			if
			:: old = true
			:: skip
			fi;
			if
			:: now = true
			:: now = true; closes = true
			:: skip
			fi
		};
		if
		:: old -> lock(stock[OLD])
		:: else
		fi;
		if
		:: now -> lock(stock[NOW])
		:: else
		fi;
		if
		:: closes -> lock(sales)
		:: else
		fi;
		d_step {
			if
			:: old -> unlock(stock[OLD])
			:: else
			fi;
			if
			:: now -> unlock(stock[NOW])
			:: else
			fi;
			if
			:: closes -> unlock(sales)
			:: else
			fi;
			old = false; now = false; closes = false
		}
	:: rounds == 0 -> break
	od;
	done++
}

/* Store.CancelTx: the gate, the generation, the order's stock row, the sale. */
proctype cancel(byte g) {
	lock(gate);
#ifdef CANCEL_LOCKS_THE_PRESENT_FIRST
	lock(stock[NOW]);
	if
	:: g == OLD -> lock(stock[OLD])
	:: else
	fi;
	lock(generation[g]);
#else
	lock(generation[g]);
	lock(stock[g]);
#endif
	lock(sales);
	d_step {
#ifdef CANCEL_LOCKS_THE_PRESENT_FIRST
		unlock(stock[NOW]);
#endif
		unlock(sales); unlock(stock[g]); unlock(generation[g]); unlock(gate);
		done++
	}
}

/* Store.BeginGenerationTx, and what moves a sale (without the generation). */
active proctype operator() {
	lock(gate);
	lock(stock[NOW]);
	lock(generation[NOW]);
	lock(sales);
	d_step { unlock(sales); unlock(generation[NOW]); unlock(stock[NOW]); unlock(gate); done++ }
}

/* Store.digestNext passes over what is locked. */
active proctype digest() {
	if
	:: atomic { !generation[OLD] -> generation[OLD] = true };
		d_step { unlock(generation[OLD]) }
	:: generation[OLD]
	fi;
	done++
}

/* Nobody waits for somebody who waits for him: when nothing can go on, all are done. */
active proctype audit() {
	timeout -> assert(done == PROCESSES)
}

init {
	atomic { run cancel(OLD); run cancel(NOW) }
}
