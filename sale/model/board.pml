/*
 * One process's memory of a sale of one unit: the board's figures, which latch "sold out", and the book of receipts,
 * which answers owners and, when it is whole, everybody else. News comes late, in any order, or by looking.
 *
 * The one shopper stands for all: a book is right when it is right for each. Names are those of the code; README.md
 * maps each to its function.
 */

#ifndef ORDERS
#define ORDERS 3	/* commits of the ledger */
#endif
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef RESETS
#define RESETS 1
#endif
#ifndef FINDS
#define FINDS 2		/* presses that look their order up */
#endif
#define BUS 2		/* decisions under way to this process */

/* Postgres. A claim is its number; 0: none. */
byte generation = 1;
byte saleVersion = 1;
byte version = 1;	/* of the stock row */
byte order;		/* the live order */
byte revision;		/* of the last change of the shopper's orders */
byte claims;		/* given numbers so far */
byte soldOut;		/* generations that ever were, a bit each */
#define TAKEN		(order > 0)
#define BIT(n)		(1 << (n))

typedef Decision { byte generation; byte claim; byte version }
Decision bus[BUS];	/* claim 0: free */

typedef Entry { byte generation = 1; byte saleVersion = 1; byte version = 1; byte taken; bool pushed }
Entry e;		/* refreshed once before the first press; pushed: heard of since the look under way has asked */
typedef Book { byte receipt; byte through; byte revision; byte floor; bool suspect; byte changes }
Book book;

#define WHOLE		(book.through > 0 && book.through >= e.version && !book.suspect)
#define WANTING		((e.taken && !WHOLE) || (!e.taken && book.suspect && book.receipt))

/* What a press would be told now, whatever now is. */
inline answers() {
	assert(!e.taken || (soldOut & BIT(e.generation)));	/* only the ledger says "sold out", of this very generation */
	/* An owner of what is on the board is not told that he has nothing. */
	assert(!(e.taken && WHOLE && e.version == version && order) || book.receipt == order)
}

/* ---- the ledger and its operators ---- */

active proctype ledger() {
	byte orders = ORDERS, cancels = CANCELS, resets = RESETS;
	byte k;
end_idle:
	do
	/* Store.decideTx, Checkout.Decided or, on its way from another process, Checkout.receive */
	:: atomic { orders > 0 && !TAKEN ->
			orders--; claims++; version++;
			order = claims; revision = version; soldOut = soldOut | BIT(generation);
			if
			:: bus[0].claim == 0 -> k = 0
			:: bus[0].claim != 0 && bus[1].claim == 0 -> k = 1
			:: k = BUS	/* nobody hears of it */
			fi;
			if
			:: k < BUS -> bus[k].generation = generation; bus[k].claim = claims; bus[k].version = version
			:: else
			fi;
			k = 0;
			printf("ledger: order %d, generation %d, version %d\n", order, generation, version) }
	/* Store.CancelTx */
	:: d_step { cancels > 0 && TAKEN ->
			cancels--; version++; saleVersion++; order = 0; revision = version;
			printf("operator: cancelled, version %d\n", version) }
	/* Store.BeginGenerationTx */
	:: d_step { resets > 0 ->
			resets--; generation++; version++; saleVersion++; order = 0; revision = 0;
			printf("operator: generation %d, version %d\n", generation, version) }
	od
}

/* ---- what the process hears ---- */

inline doubt(v) {
	if
	:: v > book.floor -> book.floor = v
	:: else
	fi;
	book.changes++; book.suspect = true
}

active proctype hears() {
	byte k;
end_idle:
	do
	:: atomic { bus[0].claim || bus[1].claim ->
			if
			:: bus[0].claim -> k = 0
			:: bus[1].claim -> k = 1
			fi };
		/* Checkout.cacheReceipts, receiptCache.add */
		d_step {
			printf("hears: order %d of version %d\n", bus[k].claim, bus[k].version);
			if
#ifdef LATE_RECEIPT_KEPT
			:: bus[k].generation == e.generation -> book.receipt = bus[k].claim
#else
			/* Not what the book was loaded, made or doubted after: that look knew of this order, and of its end. */
			:: bus[k].generation == e.generation && bus[k].version > book.floor -> book.receipt = bus[k].claim
#endif
			:: else
			fi
		};
		/* snapshots.withStocks */
		d_step {
			if
#ifdef LATCH_WITHOUT_GENERATION
			:: e.version < bus[k].version || e.generation > bus[k].generation ->
#else
			:: e.generation == bus[k].generation && e.version < bus[k].version ->
#endif
				e.version = bus[k].version; e.taken = 1; e.pushed = true
			:: else
			fi;
			bus[k].claim = 0; bus[k].generation = 0; bus[k].version = 0; k = 0;
			answers()
		}
	od
}

/* ---- what the process looks up ---- */

active proctype looks() {
	byte seenGeneration, seenSale, seenVersion, seenTaken;
end_idle:
	do
	/* Store.readChanges: the versions and the rows that changed */
	:: d_step { saleVersion != e.saleVersion || version != e.version ->
			e.pushed = false; seenSale = saleVersion; seenGeneration = generation };
		/* then the stock of those generations */
		d_step {
			if
			:: seenGeneration == generation -> seenVersion = version; seenTaken = TAKEN
			:: else -> seenVersion = 0	/* an older one's stays as it was; the next look finds the new one */
			fi
		};
		/* snapshots.withChanges, newEntry */
		d_step {
			if
			:: seenSale == e.saleVersion
			:: seenSale != e.saleVersion && seenGeneration == e.generation -> e.saleVersion = seenSale; doubt(seenVersion)
			:: seenSale != e.saleVersion && seenGeneration != e.generation ->
				e.saleVersion = seenSale; e.generation = seenGeneration; e.version = 0; e.taken = 0;
				book.receipt = 0; book.through = 0; book.revision = 0; book.floor = seenVersion; book.suspect = false; book.changes++
			fi;
			if
			:: seenVersion > 0 && e.version != seenVersion && !(seenVersion < e.version && e.pushed) ->
				e.version = seenVersion; e.taken = seenTaken
			:: else
			fi;
			printf("board: generation %d, version %d, taken %d\n", e.generation, e.version, e.taken);
			seenGeneration = 0; seenSale = 0; seenVersion = 0; seenTaken = 0;
			answers()
		}
	od
}

/* Checkout.runReceiptLoader, loadReceipts, readOrders */
active proctype keepBooks() {
	byte at, seenOrder, seenRevision, since, ofGeneration;
	bool fill;
end_idle:
	do
	:: atomic { WANTING ->
			at = e.version; ofGeneration = e.generation; fill = true;
			if
			:: book.suspect && book.revision == 0 ->	/* receiptCache.clear */
				book.suspect = false; book.receipt = 0; book.through = 0; book.changes++;
				fill = e.taken;
				printf("book: cleared, floor %d\n", book.floor)
			:: else -> book.suspect = false
			fi;
			since = book.revision };
		if
		:: fill ->
			d_step {	/* Store.ordersSince */
				if
				:: ofGeneration == generation -> seenOrder = order; seenRevision = revision
				:: else -> seenOrder = 0; seenRevision = 0
				fi
			};
			d_step {	/* receiptCache.addLoaded */
				if
				:: ofGeneration == e.generation ->
					if
					:: seenOrder && seenRevision > since -> book.receipt = seenOrder
					:: !seenOrder && seenRevision > since && since > 0 -> book.receipt = 0
					:: else
					fi;
					if
					:: seenRevision > book.revision && (seenOrder || since > 0) -> book.revision = seenRevision
					:: else
					fi;
					if
					:: at > book.through -> book.through = at
					:: else
					fi;
					if
					:: at > book.floor -> book.floor = at
					:: else
					fi;
					if
					:: book.revision > book.floor -> book.floor = book.revision
					:: else
					fi;
					book.changes++;
					printf("book: receipt %d, through %d\n", book.receipt, book.through)
				:: else	/* it was the book of an older generation */
				fi;
				answers()
			}
		:: else
		fi;
		atomic { at = 0; ofGeneration = 0; since = 0; seenOrder = 0; seenRevision = 0; fill = false }
	od
}

/* purchase.lookUpReceipt, receiptCache.addLookedUp: a press that looked its order up */
active proctype finds() {
	byte seenChanges, seenOrder;
	byte turns = FINDS;
	do
	:: turns > 0 ->
		d_step { turns--; seenChanges = book.changes };
		d_step {
			if
			:: e.generation == generation -> seenOrder = order
			:: else -> seenOrder = 0
			fi
		};
		d_step {
			if
			:: seenOrder && seenChanges == book.changes -> book.receipt = seenOrder
			:: else
			fi;
			seenOrder = 0; seenChanges = 0;
			answers()
		}
	:: turns == 0 -> break
	:: turns > 0 -> turns = 0
	od
}

/* When everything has been heard and looked up, memory is right. */
active proctype audit() {
	atomic { timeout -> d_step {
		assert(e.generation == generation && e.version == version && e.taken == TAKEN);
		assert(book.receipt == 0 || book.receipt == order)
	} }
}
